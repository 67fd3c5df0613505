"""PUT and POST /vcf."""

from __future__ import annotations

import gzip
import io
from typing import Any

import pytest
from django.db import InternalError, OperationalError
from django.test import Client, RequestFactory
from pytest_django import Settings

from tests.api.conftest import Submit, body
from tests.factories import HEADER, VCF
from vcfjobs import storage
from vcfjobs.api.views import SubmitViewSet
from vcfjobs.models import Run

pytestmark = pytest.mark.django_db


def nothing_stays() -> bool:
    return (
        not Run.objects.exists() and not any(storage.spool().iterdir()) and not any(storage.runs().iterdir())
    )


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "multipart"])
def test_an_accepted_run_answers_202_in_anyvars_shape(submit: Submit, raw: bool) -> None:
    response = submit(raw=raw, run_async="True", run_id="my-run")
    assert response.status_code == 202
    assert response.json() == {
        "run_id": "my-run",
        "status": "PENDING",
        "status_message": "Run submitted. Check status at /vcf/my-run",
    }
    assert response["Location"] == "/vcf/my-run"
    assert int(response["Retry-After"]) >= 1


def test_the_location_is_percent_encoded_and_leads_to_the_run(submit: Submit, client: Client) -> None:
    response = submit(run_async="1", run_id="a%25b%3Bc")
    assert response["Location"] == "/vcf/a%25b%3Bc"
    assert client.get(response["Location"]).json()["run_id"] == "a%b;c"


def test_put_multipart_is_the_same_as_post(client: Client, tiny_assembly: str, broker: list[Any]) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="vcf"; filename="a.vcf"\r\n\r\n'
    response = client.put(
        "/vcf?run_async=on&assembly=tiny",
        head + VCF + b"\r\n--x--\r\n",
        content_type="multipart/form-data; boundary=x",
    )
    assert response.status_code == 202
    assert Run.objects.get().input_bytes == len(VCF)


@pytest.mark.parametrize(
    ("query", "column", "value"),
    [
        ({"for_ref": "FALSE"}, "for_ref", False),
        ({"add_vrs_attributes": "yes"}, "add_vrs_attributes", True),
        ({"register": "0"}, "register", False),
        ({"vrs_version": "2.1"}, "vrs_version", "2.1"),
        ({"for_ref": "true"}, "vrs_version", "2.0"),
        ({"allow_async_write": "true"}, "for_ref", True),
        ({"assembly": "TINY"}, "assembly", "tiny"),
    ],
)
def test_parameters_are_kept_in_the_row(
    submit: Submit, query: dict[str, str], column: str, value: Any
) -> None:
    assert submit(run_async="true", **query).status_code == 202
    assert getattr(Run.objects.get(), column) == value


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"for_ref": "maybe"}, "for_ref"),
        ({"run_async": "2"}, "run_async"),
        ({"vrs_version": "1.3"}, "vrs_version"),
        ({"assembly": "GRCh99"}, "Registered: tiny"),
        ({"run_id": "a/b"}, "run_id"),
        ({"run_id": ""}, "run_id"),
        ({"run_id": "."}, "run_id"),
    ],
)
def test_a_wrong_parameter_is_422_and_named(submit: Submit, query: dict[str, str], named: str) -> None:
    response = submit(run_async="true", **query) if "run_async" not in query else submit(**query)
    assert response.status_code == 422
    assert response["Content-Type"] == "application/problem+json"
    assert named in response.json()["detail"]
    assert nothing_stays()


def test_a_run_id_in_use_is_400_in_anyvars_shape(submit: Submit) -> None:
    submit(run_async="true", run_id="a")
    response = submit(VCF + b"chr1\t1\t.\tA\tG\t.\t.\t.\n", run_async="true", run_id="a")
    assert response.status_code == 400
    assert response.json() == {
        "error": "An existing run with id a is PENDING. Fetch the completed run result before submitting "
        "with the same run_id.",
        "error_code": "RUN_ID_IN_USE",
    }
    assert list(storage.spool().iterdir()) == []


def test_the_same_request_again_is_202_and_runs_nothing_twice(submit: Submit, broker: list[Any]) -> None:
    answers = [submit(run_async="true", run_id="a") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert Run.objects.count() == 1
    assert list(storage.spool().iterdir()) == []


def test_a_synchronous_request_answers_the_file(submit: Submit) -> None:
    response = submit()
    assert response.status_code == 200
    assert response["Content-Location"] == f"/runs/{Run.objects.get().pk}/"
    assert body(response).count(b"VRS_Allele_IDs=ga4gh:VA.") == 3


def test_a_file_too_large_for_a_request_is_413_that_says_run_async(
    submit: Submit, settings: Settings
) -> None:
    settings.ANYVAR_SYNC_MAX_BYTES = 1000
    response = submit(gzip.compress(VCF + b"chr1\t1\t.\tA\tC\t.\t.\t.\n" * 500))
    assert response.status_code == 413
    assert "run_async" in response.json()["detail"]
    assert nothing_stays()


def test_an_upload_over_the_limit_is_413(submit: Submit, settings: Settings) -> None:
    settings.ANYVAR_MAX_UPLOAD_BYTES = 100
    for raw in (True, False):
        assert submit(raw=raw, run_async="true").status_code == 413
    assert nothing_stays()


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "multipart"])
@pytest.mark.parametrize(
    "content",
    [
        b"hello",
        HEADER.encode().splitlines()[0],
        (HEADER + "chr1\tx\t.\tA\tC\t.\t.\t.\n").encode(),
        gzip.compress(VCF)[:40],
        b'{"htsget": {"urls": []}}',
    ],
    ids=["text", "no #CHROM", "malformed", "cut gzip", "htsget"],
)
def test_what_is_no_vcf_is_400_with_a_sentence_and_leaves_nothing(
    submit: Submit, content: bytes, raw: bool
) -> None:
    response = submit(content, raw=raw, run_async="true")
    assert response.status_code == 400
    assert response.json()["error_code"] == "INVALID_VCF"
    assert nothing_stays()


def test_a_malformed_record_is_named_by_its_line(submit: Submit) -> None:
    response = submit((HEADER + "chr1\tx\t.\tA\tC\t.\t.\t.\n").encode(), run_async="true")
    assert "Line 3 " in response.json()["detail"]


def test_an_empty_body_and_an_empty_file_are_400(submit: Submit, client: Client) -> None:
    assert submit(b"", run_async="true").status_code == 400
    assert client.put("/vcf?run_async=1&assembly=tiny", b"", CONTENT_LENGTH="0").status_code == 400
    assert client.post("/vcf?assembly=tiny", {"other": "x"}).status_code == 400
    assert nothing_stays()


def test_a_file_of_another_assembly_is_422_with_the_count(submit: Submit) -> None:
    wrong = HEADER + "chr1\t1\t.\tG\tC\t.\t.\t.\n" * 5
    response = submit(wrong.encode(), run_async="true")
    assert response.status_code == 422
    assert (response.json()["mismatches"], response.json()["records"]) == (5, 5)
    assert nothing_stays()


def test_a_body_without_length_is_411(tiny_assembly: str) -> None:
    request = RequestFactory().put("/vcf?run_async=1&assembly=tiny", VCF)
    del request.META["CONTENT_LENGTH"]
    assert SubmitViewSet.as_view({"put": "submit"})(request).status_code == 411


@pytest.mark.parametrize("content_type", ["application/octet-stream", "multipart/form-data; boundary=x"])
def test_a_body_shorter_than_its_length_is_400_and_leaves_nothing(
    tiny_assembly: str, content_type: str
) -> None:
    content = VCF
    if content_type.startswith("multipart"):
        content = b'--x\r\nContent-Disposition: form-data; name="vcf"; filename="a"\r\n\r\n' + VCF
    environ: dict[str, Any] = {"wsgi.input": io.BytesIO(content), "CONTENT_LENGTH": str(len(content) + 100)}
    address = "/vcf?run_async=1&assembly=tiny"
    request = RequestFactory().put(address, content, content_type=content_type, **environ)
    response = SubmitViewSet.as_view({"put": "submit"})(request)
    assert response.status_code == 400
    assert response.data["error_code"] == "TRUNCATED_UPLOAD"
    assert nothing_stays()


def test_a_multipart_body_that_cannot_be_parsed_leaves_nothing(client: Client, tiny_assembly: str) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="vcf"; filename="a"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\n" + b"QUJD" * 100_000 + b"!!!!!\r\n--x--\r\n"
    )
    response = client.put(
        "/vcf?run_async=1&assembly=tiny", body, content_type="multipart/form-data; boundary=x"
    )
    assert response.status_code == 400
    assert nothing_stays()


def test_a_line_over_the_limit_is_413_and_leaves_nothing(submit: Submit) -> None:
    response = submit(gzip.compress(HEADER.encode() + b"x" * (65 << 20)), run_async="true")
    assert response.status_code == 413
    assert nothing_stays()


def test_a_file_cut_behind_its_first_records_is_400_inside_the_request(submit: Submit) -> None:
    noise = "".join(f"chr1\t1\t.\tA\tC\t.\t.\tN={number * 7919 % 99991}\n" for number in range(200_000))
    response = submit(gzip.compress((HEADER + noise).encode())[:-5000])
    assert response.status_code == 400
    assert nothing_stays()


def test_a_form_field_that_is_too_large_is_413(client: Client, tiny_assembly: str) -> None:
    response = client.post("/vcf?run_async=1&assembly=tiny", {"other": "x" * (3 << 20)})
    assert response.status_code == 413


def test_a_content_encoding_is_refused(client: Client, tiny_assembly: str) -> None:
    response = client.put(
        "/vcf?run_async=1&assembly=tiny",
        gzip.compress(VCF),
        content_type="text/plain",
        headers={"Content-Encoding": "gzip"},
    )
    assert response.status_code == 400
    assert nothing_stays()


def test_without_a_reference_a_submit_is_503_with_a_sentence(client: Client) -> None:
    response = client.put("/vcf?run_async=1", VCF, content_type="text/plain")
    assert response.status_code == 503
    assert "load_reference" in response.json()["detail"]


def test_a_full_disk_is_503_with_retry_after(submit: Submit, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(storage, "adopt_upload", full)
    response = submit(run_async="true")
    assert response.status_code == 503
    assert int(response["Retry-After"]) > 0
    assert nothing_stays()


@pytest.mark.parametrize("error", [OperationalError, InternalError], ids=["down", "read-only"])
def test_a_database_that_is_down_or_a_standby_is_503_with_retry_after(
    submit: Submit, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: type[Exception]
) -> None:
    def down(*args: Any, **options: Any) -> None:
        raise error("connection to 10.0.0.1 failed:\n\tConnection refused\n")

    monkeypatch.setattr("vcfjobs.runs.submit.submit_run", down)
    response = submit(run_async="true")
    assert response.status_code == 503
    assert int(response["Retry-After"]) > 0
    assert "10.0.0.1" not in response.content.decode()
    assert "does not answer: connection to 10.0.0.1 failed: Connection refused" in caplog.messages[0]
    assert list(storage.spool().iterdir()) == []


def test_too_many_submits_are_429_with_retry_after(submit: Submit, settings: Settings) -> None:
    settings.ANYVAR_SUBMIT_RATE = "1/hour"
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "t"}
    }
    assert submit(run_async="true").status_code == 202
    response = submit(run_async="true")
    assert response.status_code == 429
    assert int(response["Retry-After"]) > 0


def test_a_file_name_in_a_character_set_that_is_none_is_no_name(client: Client, tiny_assembly: str) -> None:
    answer = client.put(
        f"/vcf?run_async=true&assembly={tiny_assembly}",
        VCF,
        content_type="application/octet-stream",
        headers={"Content-Disposition": "attachment; filename*=nope''x"},
    )
    assert answer.status_code == 202


# Two As into the run of nine: a unit of two by VRS 2.0, of one by VRS 2.1.
INSERTION = (HEADER + "chr1\t21\t.\tG\tGAA\t.\t.\t.\n").encode()


@pytest.mark.parametrize(("version", "release", "unit"), [("2.0", "2.0.1", "2"), ("2.1", "2.1.1", "1")])
def test_the_result_is_of_the_version_asked_for(
    submit: Submit, version: str, release: str, unit: str
) -> None:
    answer = submit(content=INSERTION, vrs_version=version, for_ref="false", add_vrs_attributes="true")
    text = body(answer).decode()
    assert f"[VRS version={release};" in text
    assert f"VRS_RepeatSubunitLengths={unit}" in text
    run = Run.objects.get()
    assert run.report is not None
    assert run.report["vrs_version"] == version


def test_the_default_version_is_a_setting(submit: Submit, settings: Settings) -> None:
    settings.ANYVAR_VRS_VERSION = "2.1"
    submit(run_async="true")
    assert Run.objects.get().vrs_version == "2.1"
