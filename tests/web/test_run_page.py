"""One run's page: an earlier annotation, what there is to fetch, and what changes while it runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from tests.factories import VCF, make_run, make_running
from tests.web.page_text import words
from vcfjobs import __version__
from vcfjobs.models import Kind, Run, Status
from vcfjobs.vrs.vcf.header import vrs_lines
from vcfjobs.vrs.vcf.options import Options
from vcfjobs.vrs.vcf.report import Report

pytestmark = [pytest.mark.django_db, pytest.mark.database]

Submit = Callable[..., Run]
SIGNED = (
    b'##INFO=<ID=VRS_Allele_IDs,Number=R,Type=String,Description="x [VRS version=2.0.0;<b>tool version=1]">\n'
)
NAMED = "<b>tool version=1, VRS 2.0.0"


def annotated(line: bytes = SIGNED) -> bytes:
    """A file that a tool has annotated before."""
    return VCF.replace(b"#CHROM", line + b"#CHROM", 1)


@pytest.fixture
def submit(client: Client, tiny_assembly: str, broker: object) -> Submit:
    """Submit a file over the page, or to a path of the API."""

    def call(content: bytes, path: str = "") -> Run:
        if path:
            client.put(
                f"{path}?run_async=true&assembly=tiny", content, content_type="application/octet-stream"
            )
        else:
            form = {"vcf": SimpleUploadedFile("in.vcf", content), "assembly": "tiny", "whole": "1"}
            client.post("/", form)
        return Run.objects.get()

    return call


# --- an earlier annotation ---------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "/vcf"])
def test_a_file_that_comes_annotated_is_recognised_when_it_is_submitted(
    client: Client, submit: Submit, path: str
) -> None:
    run = submit(annotated(), path)
    assert (run.status, run.input_annotated_by) == (Status.QUEUED, NAMED)
    page = words(client.get(f"/jobs/{run.pk}/"))
    assert f"already had VRS identifiers by <bdi>{NAMED}</bdi>. This run replaces them." in page
    assert client.get(f"/runs/{run.pk}/").json()["input_annotated_by"] == NAMED
    raw = client.get(f"/jobs/{run.pk}/").content.decode()
    assert "<b>tool" not in raw


def test_a_file_that_comes_to_be_registered_is_recognised_too(client: Client, submit: Submit) -> None:
    lines = b"".join(line + b"\n" for line in vrs_lines(Options(for_ref=True, add_vrs_attributes=True)))
    run = submit(annotated(lines), "/annotated_vcf")
    assert (run.kind, run.input_annotated_by) == (Kind.INGEST, f"vcfjobs version={__version__}, VRS 2.0.1")
    page = words(client.get(f"/jobs/{run.pk}/"))
    assert "This run registers them unchanged." in page


def test_a_file_that_comes_without_identifiers_says_nothing(client: Client, submit: Submit) -> None:
    run = submit(VCF)
    assert run.input_annotated_by == ""
    assert "already had VRS identifiers" not in words(client.get(f"/jobs/{run.pk}/"))


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"status": Status.SUCCEEDED}, "They were replaced."),
        ({"status": Status.FAILED}, "This run would have replaced them."),
        ({"status": Status.RUNNING}, "This run replaces them."),
        ({"status": Status.SUCCEEDED, "kind": Kind.INGEST}, "They were registered unchanged."),
        (
            {"status": Status.SUCCEEDED, "kind": Kind.INGEST, "require_validation": True},
            "They were registered unchanged, after comparison with REF and ALT.",
        ),
    ],
)
def test_what_becomes_of_earlier_identifiers_is_said_at_every_stage(
    client: Client, columns: dict[str, Any], sentence: str
) -> None:
    run = make_run(input_annotated_by="tool 1", **columns)
    assert f"<bdi>tool 1</bdi>. {sentence}" in words(client.get(f"/jobs/{run.pk}/"))


def test_a_run_from_before_the_column_is_told_by_its_report(client: Client) -> None:
    run = make_run(status=Status.SUCCEEDED, report=Report(replaced="tool 1, VRS 1.3").to_json())
    assert "tool 1, VRS 1.3" in words(client.get(f"/jobs/{run.pk}/"))


def test_code_that_does_not_know_the_column_may_still_write_rows() -> None:
    """As the old release does while the new one is rolled out."""
    from django.db import connection

    run = make_run()
    columns = [field.column for field in Run._meta.concrete_fields if field.name != "input_annotated_by"]
    names = ", ".join(f'"{name}"' for name in columns)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE kept AS SELECT * FROM vcfjobs_run")
        Run.objects.all().delete()
        cursor.execute(f"INSERT INTO vcfjobs_run ({names}) SELECT {names} FROM kept")
        cursor.execute("DROP TABLE kept")
    assert Run.objects.get(pk=run.pk).input_annotated_by == ""


# --- what changes while it runs ----------------------------------------------------------------


def test_the_title_shows_progress_while_it_runs(client: Client) -> None:
    run = make_running(file_name="a.vcf", input_bytes=100, bytes_done=42)
    for address in (f"/jobs/{run.pk}/", f"/jobs/{run.pk}/status/?seen=running"):
        assert "<title>42 % · a.vcf · VRS annotation</title>" in words(client.get(address))


def test_the_title_of_a_run_that_succeeded_is_its_file(client: Client) -> None:
    run = make_run(file_name="a.vcf", status=Status.SUCCEEDED)
    assert "<title>a.vcf · VRS annotation</title>" in words(client.get(f"/jobs/{run.pk}/"))


def test_speed_and_time_left_are_shown_while_it_runs(client: Client) -> None:
    run = make_running(
        input_bytes=100,
        bytes_done=50,
        records_done=1_000_000,
        started=timezone.now() - timedelta(seconds=100),
    )
    page = words(client.get(f"/jobs/{run.pk}/"))
    assert re.search(r"Records/s</dt><dd>(99\d\d|10000)</dd>", page)
    assert "about 2 min left" in page


def test_pages_that_ask_for_themselves_mind_their_manners(client: Client) -> None:
    """A hidden tab and a server that does not answer are poll.js's part."""
    run = make_running()
    for address in ("/", f"/jobs/{run.pk}/"):
        page = words(client.get(address))
        assert re.search(r'<div id="(live|active)"[^>]* data-poll', page)
        assert 'src="/static/vcfjobs/poll.js" defer' in page
        assert 'id="poll-note"' in page
    Run.objects.update(status=Status.FAILED)
    for address in ("/", f"/jobs/{run.pk}/"):
        page = words(client.get(address))
        assert "data-poll" not in page
        assert "poll.js" not in page
        assert "htmx.min" not in page


def test_no_trigger_needs_eval(client: Client) -> None:
    run = make_running()
    for address in ("/", f"/jobs/{run.pk}/", f"/jobs/{run.pk}/status/"):
        for trigger in re.findall(r'hx-trigger="([^"]*)"', words(client.get(address))):
            assert "[" not in trigger


# --- what there is to fetch --------------------------------------------------------------------


def test_the_disagreements_of_a_validation_can_be_fetched(client: Client) -> None:
    run = make_run(
        status=Status.SUCCEEDED,
        kind=Kind.INGEST,
        require_validation=True,
        result_bytes=7,
        result_sha256="a" * 64,
    )
    page = words(client.get(f"/jobs/{run.pk}/"))
    assert f'href="/vcf/{run.pk}" download>Disagreements, CSV</a>' in page
    assert "SHA-256 of the CSV file" in page
    assert f"-o {run.pk}.csv 'http://testserver/vcf/{run.pk}'" in page


def test_an_ingest_without_validation_has_nothing_to_fetch(client: Client) -> None:
    run = make_run(status=Status.SUCCEEDED, kind=Kind.INGEST)
    assert "download>" not in words(client.get(f"/jobs/{run.pk}/"))


def test_each_command_has_a_button_that_only_a_script_shows(client: Client) -> None:
    page = words(client.get(f"/jobs/{make_run().pk}/"))
    buttons = re.findall(r'<button type="button" data-copy="([\w-]+)" aria-label="Copy: [^"]+" hidden>', page)
    assert len(buttons) == page.count("<pre ") >= 3
    for name in buttons:
        assert f'<code id="{name}">curl' in page


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"status": Status.CANCELLED}, "Cancelled"),
        ({"status": Status.QUEUED, "attempt": 1}, "The worker was lost. The run will be retried."),
        (
            {"status": Status.SUCCEEDED, "expired": timezone.now()},
            "Submit the file again to annotate it again.",
        ),
    ],
)
def test_every_state_reads_well(client: Client, columns: dict[str, Any], sentence: str) -> None:
    assert sentence in words(client.get(f"/jobs/{make_run(**columns).pk}/"))


@pytest.mark.parametrize(
    ("records", "sentence"), [(0, "The file has no records"), (3, "No record has an allele to annotate")]
)
def test_a_report_of_nothing_says_so(client: Client, records: int, sentence: str) -> None:
    run = make_run(status=Status.SUCCEEDED, report=Report(records=records).to_json(), records_done=records)
    assert f"<p>{sentence}.</p>" in words(client.get(f"/jobs/{run.pk}/"))


@pytest.mark.parametrize("version", ["2.1", ""])
def test_the_report_names_the_version_of_its_identifiers_if_it_knows_it(client: Client, version: str) -> None:
    run = make_run(status=Status.SUCCEEDED, report=Report(vrs_version=version).to_json())
    page = words(client.get(f"/jobs/{run.pk}/"))
    assert ("Identifiers of VRS" in page) == bool(version)
    assert f"Identifiers of VRS {version}" in page or not version


@pytest.mark.parametrize(
    ("kind", "shown"), [(Kind.ANNOTATE, "Identifiers for REF"), (Kind.INGEST, "Compared with REF")]
)
def test_only_the_parameters_that_the_kind_of_run_has_are_shown(
    client: Client, kind: str, shown: str
) -> None:
    page = words(client.get(f"/jobs/{make_run(kind=kind).pk}/"))
    assert [name for name in ("Identifiers for REF", "Compared with REF") if name in page] == [shown]


def test_a_speed_below_one_is_not_rounded_to_nothing(client: Client) -> None:
    run = make_running(records_done=1, started=timezone.now() - timedelta(seconds=100))
    assert "Records/s</dt><dd>under 1</dd>" in words(client.get(f"/jobs/{run.pk}/"))
