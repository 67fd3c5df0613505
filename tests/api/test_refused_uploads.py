"""Whatever is wrong with an upload: refused, it leaves no file; accepted, only its run's."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client, override_settings
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.api.conftest import leave
from tests.factories import HEADER, VCF, make_run
from vcfjobs import storage
from vcfjobs.models import Run
from vcfjobs.runs.owners import owner_of_user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tiny_assembly", "broker")]

BOUNDARY = "frontier"
CSRF = "a" * 32

CONTENTS = {
    "VCF": VCF,
    "gzip": gzip.compress(VCF),
    "cut gzip": gzip.compress(VCF)[:-12],
    "another reference": (HEADER + 5 * "chr1\t1\t.\tG\tC\t.\t.\t.\n").encode(),
    "no VCF": b"hello",
    "nothing": b"",
}
QUERIES = {
    "right": "assembly=tiny",
    "unknown assembly": "assembly=GRCh99",
    "unknown parameter": "assembly=tiny&asembly=tiny",
    "wrong run_id": "assembly=tiny&run_id=a/b",
    "run_id in use": "assembly=tiny&run_id=used",
    "wrong value": "assembly=tiny&for_ref=perhaps",
}
LIMITS: dict[str, dict[str, Any]] = {
    "none": {},
    "upload": {"ANYVAR_MAX_UPLOAD_BYTES": len(VCF) - 1},
    "bytes": {"ANYVAR_OWNER_MAX_BYTES": 1},
    "runs": {"ANYVAR_OWNER_MAX_RUNS": 1},
    "queue": {"ANYVAR_MAX_QUEUED_RUNS": 1},
    "rate": {"ANYVAR_SUBMIT_RATE": "0/min"},
    "request": {"ANYVAR_SYNC_MAX_BYTES": 10},
    "fields": {"DATA_UPLOAD_MAX_NUMBER_FIELDS": 1, "DATA_UPLOAD_MAX_NUMBER_FILES": 1},
}
FAULTS = ("none", "disk fills up", "disk is full when moved", "database fails at the row")
# What may stand before or behind the file in a form.
PARTS = {
    "field": 'Content-Disposition: form-data; name="whole"\r\n\r\n1',
    "assembly": 'Content-Disposition: form-data; name="assembly"\r\n\r\ntiny',
    "token": f'Content-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n{CSRF}',
    "file": 'Content-Disposition: form-data; name="other"; filename="o.vcf"\r\n\r\n' + VCF.decode(),
    "same field": 'Content-Disposition: form-data; name="vcf"; filename="b.vcf"\r\n\r\n' + VCF.decode(),
    "no base64": 'Content-Disposition: form-data; name="c"; filename="c"\r\n'
    "Content-Transfer-Encoding: base64\r\n\r\n!!!!!",
    "no disposition": "Content-Type: text/plain\r\n\r\nx",
}


@dataclass(frozen=True)
class Attempt:
    """An upload, and what is wrong with it."""

    path: str
    form: str
    caller: str
    content: str
    query: str
    limit: str
    fault: str
    run_async: bool
    kept: float  # the fraction of the body that arrives
    before: list[str] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)

    def body(self) -> bytes:
        content = CONTENTS[self.content]
        if self.form == "raw":
            return content
        name = "file" if self.form == "multipart in another field" else "vcf"
        file = f'Content-Disposition: form-data; name="{name}"; filename="a.vcf"\r\n\r\n'.encode() + content
        parts = [*(PARTS[name].encode() for name in self.before), file]
        parts += [PARTS[name].encode() for name in self.behind]
        opened = b"".join(b"--%s\r\n%s\r\n" % (BOUNDARY.encode(), part) for part in parts)
        return opened + f"--{BOUNDARY}--\r\n".encode()

    def content_type(self) -> str:
        if self.form == "raw":
            return "application/octet-stream"
        return f"multipart/form-data; boundary={BOUNDARY}"

    def headers(self) -> dict[str, Any]:
        body = self.body()
        headers: dict[str, Any] = {}
        if self.kept < 1:
            arrived = body[: int(self.kept * len(body))]
            headers |= {"wsgi.input": io.BytesIO(arrived), "CONTENT_LENGTH": str(len(body))}
        if self.caller in ("token", "wrong token"):
            headers["HTTP_AUTHORIZATION"] = "Bearer " + ("secret" if self.caller == "token" else "other")
        elif self.caller == "session":
            headers["HTTP_X_CSRFTOKEN"] = CSRF
        return headers


def mostly(right: Any, all_kinds: Iterable[Any]) -> st.SearchStrategy[Any]:
    """Most attempts have few faults, so that the later checks are reached too."""
    return st.sampled_from([right] * 3 * len(list(all_kinds)) + list(all_kinds))


attempts = st.builds(
    Attempt,
    path=st.sampled_from(["/vcf", "/annotated_vcf", "/"]),
    form=mostly("multipart", ["raw", "multipart in another field"]),
    caller=mostly("session", ["token", "session without CSRF", "wrong token", "nobody"]),
    content=mostly("VCF", CONTENTS),
    query=mostly("right", QUERIES),
    limit=mostly("none", LIMITS),
    fault=mostly("none", FAULTS),
    run_async=st.booleans(),
    kept=st.just(1.0) | st.just(1.0) | st.floats(0, 1),
    before=st.lists(st.sampled_from(list(PARTS)), max_size=3),
    behind=st.lists(st.sampled_from(list(PARTS)), max_size=3),
)


@contextmanager
def injected(fault: str) -> Iterator[None]:
    """The fault, for one request."""
    full = OSError(28, "No space left on device")
    faults: dict[str, Any] = {
        "disk fills up": patch.object(storage, "free_bytes", side_effect=_filling()),
        "disk is full when moved": patch.object(storage, "sync", side_effect=full),
        "database fails at the row": patch.object(Run, "save", side_effect=RuntimeError("no row")),
    }
    if fault == "none":
        yield
        return
    with faults[fault]:
        yield


def _filling() -> Iterator[int]:
    """There is space when the upload is admitted, and none when it arrives."""
    yield 10**12
    while True:
        yield 0


def files_without_run() -> list[str]:
    """What the work directory has in its spool, and in folders that no row owns."""
    owned = {str(pk) for pk in Run.objects.values_list("pk", flat=True)}
    strays = [path.name for path in storage.runs().iterdir() if path.name not in owned]
    return sorted([*strays, *(path.name for path in storage.spool().iterdir())])


@settings(
    max_examples=250,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(attempt=attempts)
def test_an_upload_leaves_no_file_but_its_runs(attempt: Attempt) -> None:
    user, _ = User.objects.get_or_create(username="ada")
    if not Run.objects.filter(run_id="used", owner=owner_of_user(user)).exists():
        make_run(run_id="used", owner=owner_of_user(user), input_sha256="another file's")
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    if attempt.caller.startswith("session"):
        client.force_login(user)
        client.cookies["csrftoken"] = CSRF
    cache.clear()  # the rates of the examples before
    rate = {"ANYVAR_AUTH_TOKEN_LIST": ["secret"], "ANYVAR_SUBMIT_RATE": "100000/min"}
    before = Run.objects.count()
    address = f"{attempt.path}?{QUERIES[attempt.query]}"
    if attempt.path != "/":
        address += f"&run_async={attempt.run_async}"
    with override_settings(**(rate | LIMITS[attempt.limit])), injected(attempt.fault):
        answer = client.generic("POST", address, attempt.body(), attempt.content_type(), **attempt.headers())
        if answer.streaming:
            b"".join(answer.streaming_content)  # type: ignore[attr-defined]
        leave(answer)
    event(f"{attempt.path} {answer.status_code}")
    assert files_without_run() == []
    if answer.status_code >= 400 and attempt.run_async:
        assert Run.objects.count() == before
