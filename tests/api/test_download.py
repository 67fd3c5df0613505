"""The result: representations, ranges, validators, names."""

from __future__ import annotations

import gzip
from datetime import timedelta

import pytest
from django.test import Client

from tests.api.conftest import body, leave
from vcfjobs import storage
from vcfjobs.models import Run

pytestmark = pytest.mark.django_db


@pytest.fixture
def text(client: Client, succeeded: Run) -> bytes:
    return body(client.get(f"/vcf/{succeeded.run_id}"))


def test_the_result_is_plain_text_as_often_as_wanted(client: Client, succeeded: Run, text: bytes) -> None:
    for _ in range(2):
        response = client.get(f"/vcf/{succeeded.run_id}")
        assert response.status_code == 200
        assert response["Content-Type"].startswith("text/plain")
        assert int(response["Content-Length"]) == len(text)
        assert "Content-Encoding" not in response
        assert body(response) == text


def test_bgzf_is_the_stored_file(client: Client, succeeded: Run, text: bytes) -> None:
    stored = storage.result_path(succeeded.pk, succeeded.attempt).read_bytes()
    for address in (f"/vcf/{succeeded.run_id}?format=vcf.gz", f"/runs/{succeeded.pk}/result.vcf.gz"):
        response = client.get(address)
        assert response["Content-Type"] == "application/gzip"
        assert "Content-Encoding" not in response
        assert body(response) == stored
    assert gzip.decompress(stored) == text


def test_the_index_lies_beside_the_result(client: Client, succeeded: Run) -> None:
    response = client.get(f"/runs/{succeeded.run_id}/result.vcf.gz.tbi")
    assert (
        body(response)
        == storage.beside(storage.result_path(succeeded.pk, succeeded.attempt), "tbi").read_bytes()
    )


def test_a_result_without_index_says_404(client: Client, succeeded: Run) -> None:
    Run.objects.update(indexed=False)
    assert client.get(f"/runs/{succeeded.run_id}/result.vcf.gz.tbi").status_code == 404


@pytest.mark.parametrize(
    ("asked", "begin", "end"),
    [("bytes=0-0", 0, 1), ("bytes=5-19", 5, 20), ("bytes=300-", 300, None), ("bytes=-7", -7, None)],
)
@pytest.mark.parametrize("file", ["result.vcf", "result.vcf.gz"])
def test_a_range_is_206(
    client: Client, succeeded: Run, asked: str, begin: int, end: int | None, file: str
) -> None:
    address = f"/runs/{succeeded.pk}/{file}"
    whole = body(client.get(address))
    response = client.get(address, headers={"Range": asked})
    part = body(response)
    assert response.status_code == 206
    assert part == whole[begin:end]
    first = begin % len(whole)
    assert response["Content-Range"] == f"bytes {first}-{first + len(part) - 1}/{len(whole)}"


def test_a_range_past_the_end_is_416(client: Client, succeeded: Run, text: bytes) -> None:
    response = client.get(f"/vcf/{succeeded.run_id}", headers={"Range": "bytes=999999-"})
    assert response.status_code == 416
    assert response["Content-Range"] == f"bytes */{len(text)}"


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,3-4", "lines=1-2", "bytes=5-2", "bytes=-", "bytes=" + "9" * 5000 + "-"]
)
def test_other_ranges_are_answered_by_the_whole(
    client: Client, succeeded: Run, text: bytes, asked: str
) -> None:
    response = client.get(f"/vcf/{succeeded.run_id}", headers={"Range": asked})
    assert (response.status_code, body(response)) == (200, text)


def test_if_range_of_other_bytes_gives_the_whole(client: Client, succeeded: Run, text: bytes) -> None:
    address = f"/vcf/{succeeded.run_id}"
    etag = client.head(address)["ETag"]
    for condition, status in ((etag, 206), ('"other"', 200)):
        response = client.get(address, headers={"Range": "bytes=0-3", "If-Range": condition})
        assert response.status_code == status
        body(response)


def test_an_etag_per_representation_answers_304(client: Client, succeeded: Run) -> None:
    etags = set()
    for query in ("", "?format=vcf.gz"):
        response = client.get(f"/vcf/{succeeded.run_id}{query}")
        body(response)
        etags.add(response["ETag"])
        again = client.get(f"/vcf/{succeeded.run_id}{query}", headers={"If-None-Match": response["ETag"]})
        assert again.status_code == 304
        assert again["ETag"] == response["ETag"]
    assert len(etags) == 2


def test_head_has_the_length_and_no_body(client: Client, succeeded: Run, text: bytes) -> None:
    response = client.head(f"/vcf/{succeeded.run_id}")
    assert (response.status_code, response.content) == (200, b"")
    assert int(response["Content-Length"]) == len(text)


@pytest.mark.parametrize(
    "name",
    ['a".vcf', "a\r\nX: y.vcf", "../../etc/passwd", "größe.vcf.gz", "", "x" * 255, ".vcf"],
    ids=["quote", "line ends", "path", "umlaut", "empty", "255 letters", "suffix alone"],
)
def test_a_hostile_file_name_reaches_no_header(client: Client, succeeded: Run, name: str) -> None:
    Run.objects.update(file_name=name)
    response = client.get(f"/vcf/{succeeded.run_id}")
    body(response)
    disposition = response["Content-Disposition"]
    assert disposition.startswith("attachment; filename")
    assert not any(mark in disposition for mark in ("\r", "\n", "/", ".."))


def test_a_result_counts_as_fetched_only_after_its_last_byte(client: Client, succeeded: Run) -> None:
    address = f"/vcf/{succeeded.run_id}"
    body(client.get(address, headers={"Range": "bytes=0-9"}))
    client.head(address)
    leave(client.get(address))
    assert Run.objects.get().fetched is None
    body(client.get(address))
    assert Run.objects.get().fetched is not None


def test_a_download_goes_on_when_the_run_expires_meanwhile(
    client: Client, succeeded: Run, text: bytes
) -> None:
    response = client.get(f"/vcf/{succeeded.run_id}")
    storage.drop_run(succeeded.pk)
    assert body(response) == text


def test_files_of_a_run_without_result_are_409_and_of_an_expired_one_404(
    client: Client, succeeded: Run
) -> None:
    address = f"/runs/{succeeded.pk}/result.vcf"
    Run.objects.update(expires=succeeded.finished - timedelta(days=1))  # type: ignore[operator]
    assert client.get(address).status_code == 404
    Run.objects.update(status="failed")
    assert client.get(address).status_code == 409
