"""The same over the API, for a terminal; the token is named, never written."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from vcfjobs.models import Kind, Run
from vcfjobs.runs.downloads import downloads_of


@dataclass(frozen=True, slots=True)
class Command:
    """A command line and its purpose."""

    purpose: str
    line: str


def curl() -> str:
    """The beginning of every command."""
    return 'curl -H "Authorization: Bearer $TOKEN"' if settings.ANYVAR_AUTH_TOKEN_LIST else "curl"


def commands_of(request: HttpRequest, run: Run) -> list[Command]:
    """What the run's status allows."""
    call, vcf = curl(), request.build_absolute_uri(reverse("vcf-result", args=[run.pk]))
    resource = request.build_absolute_uri(reverse("run", args=[run.pk]))
    known = [Command("Status and counts", f"{call} '{resource}'")]
    if not run.is_final:
        known.append(Command("Wait for the end, up to a minute", f"{call} '{vcf}?wait=60'"))
        known.append(Command("Cancel", f"{call} -X POST '{resource}cancel'"))
    for file in downloads_of(run)[:1]:
        url = request.build_absolute_uri(file.url)
        name = f"{run.pk}.vcf.gz" if run.kind == Kind.ANNOTATE else f"{run.pk}.csv"
        known.append(Command("Download; resumes an interrupted one", f"{call} -C - -o {name} '{url}'"))
    if run.is_retryable:
        known.append(Command("Retry", f"{call} -X POST '{resource}retry'"))
    return [*known, Command("Delete", f"{call} -X DELETE '{resource}'")]
