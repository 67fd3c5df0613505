"""A result as a table: addresses, headers, and what a stream without a known size can and cannot do."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest
from django.test import Client
from pyarrow import parquet
from pytest_django import Settings

from tests.api.conftest import body, leave
from tests.factories import HEADER, RECORDS, make_run, store_input
from vcfjobs import storage
from vcfjobs.models import Run
from vcfjobs.vrs.bgzf.blocks import DamagedStreamError
from vcfjobs.vrs.columns.formats import encoded, encoder
from vcfjobs.worker import executor

pytestmark = pytest.mark.django_db

CONTENT_TYPES = {
    "tsv": "text/tab-separated-values; charset=utf-8",
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}
every_format = pytest.mark.parametrize("name", CONTENT_TYPES)


def addresses(run: Run, name: str) -> list[str]:
    return [f"/vcf/{run.run_id}?format={name}", f"/runs/{run.pk}/result.{name}"]


@every_format
def test_both_addresses_answer_the_table_of_the_result(client: Client, succeeded: Run, name: str) -> None:
    vcf = body(client.get(f"/vcf/{succeeded.run_id}"))
    table = b"".join(encoded([vcf], encoder(name)))
    for address in addresses(succeeded, name):
        response = client.get(address)
        assert response.status_code == 200
        assert response["Content-Type"] == CONTENT_TYPES[name]
        assert response["Content-Disposition"] == f'attachment; filename="sample.vrs.{name}"'
        assert body(response) == table


@every_format
def test_the_formats_hold_a_row_for_each_allele(client: Client, succeeded: Run, name: str) -> None:
    data = body(client.get(f"/runs/{succeeded.pk}/result.{name}"))
    if name == "parquet":
        assert parquet.read_table(io.BytesIO(data)).num_rows == 6
    else:
        assert data.count(b"ga4gh:VA.") == 6


@every_format
def test_head_has_the_headers_of_get_and_no_length_and_no_body(
    client: Client, succeeded: Run, name: str
) -> None:
    for address in addresses(succeeded, name):
        whole, head = client.get(address), client.head(address)
        leave(whole)
        assert (head.status_code, body(head)) == (200, b"")
        assert "Content-Length" not in head
        assert head.headers == whole.headers


@every_format
def test_a_range_is_answered_by_the_whole(client: Client, succeeded: Run, name: str) -> None:
    address = f"/runs/{succeeded.pk}/result.{name}"
    whole = body(client.get(address))
    response = client.get(address, headers={"Range": "bytes=0-3"})
    assert response.status_code == 200
    assert response["Accept-Ranges"] == "none"
    assert body(response) == whole


def test_each_format_has_an_etag_of_its_own_which_answers_304(client: Client, succeeded: Run) -> None:
    etags = set()
    for name in CONTENT_TYPES:
        for address in addresses(succeeded, name):
            etag = client.head(address)["ETag"]
            again = client.get(address, headers={"If-None-Match": etag})
            assert (again.status_code, again["ETag"]) == (304, etag)
            etags.add(etag)
    assert len(etags) == len(CONTENT_TYPES)


@every_format
def test_a_table_counts_as_fetched_only_after_its_last_byte(
    client: Client, succeeded: Run, name: str
) -> None:
    address = f"/runs/{succeeded.pk}/result.{name}"
    leave(client.head(address))
    leave(client.get(address))
    assert Run.objects.get().fetched is None
    body(client.get(address))
    assert Run.objects.get().fetched is not None


def test_a_download_goes_on_when_the_run_expires_meanwhile(client: Client, succeeded: Run) -> None:
    response = client.get(f"/runs/{succeeded.pk}/result.tsv")
    storage.drop_run(succeeded.pk)
    assert body(response).count(b"ga4gh:VA.") == 6


@pytest.mark.parametrize("left", [40, 0])
def test_a_damaged_result_breaks_the_download_off(client: Client, succeeded: Run, left: int) -> None:
    path = storage.result_path(succeeded.pk, succeeded.attempt)
    path.write_bytes(path.read_bytes()[:left])
    response = client.get(f"/runs/{succeeded.pk}/result.tsv")
    with pytest.raises(DamagedStreamError):
        b"".join(response.streaming_content)  # type: ignore[attr-defined]
    leave(response)
    assert Run.objects.get().fetched is None


def test_a_large_result_comes_in_pieces(client: Client, tiny_assembly: str) -> None:
    run = make_run()
    store_input(run, (HEADER + RECORDS * 20_000).encode())
    executor.run(run.pk, task_id="t", worker="w")
    response: Any = client.get(f"/runs/{run.pk}/result.tsv")
    pieces = list(response.streaming_content)
    sizes = [len(piece) for piece in pieces]
    leave(response)
    assert b"".join(pieces).count(b"\n") == 1 + 2 * 60_000
    assert len(sizes) > 10
    assert 0 < min(sizes) <= max(sizes) < 1 << 20


def test_another_format_is_422(client: Client, succeeded: Run) -> None:
    response = client.get(f"/vcf/{succeeded.run_id}?format=csv")
    assert response.status_code == 422
    assert response.json()["parameters"] == {"format": '"csv" is not a valid choice.'}
    assert client.get(f"/runs/{succeeded.pk}/result.csv").status_code == 404


def test_parquet_without_pyarrow_is_501_and_says_what_to_do(
    client: Client, succeeded: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "vcfjobs.vrs.columns.parquet", None)
    for address in addresses(succeeded, "parquet"):
        response = client.get(address)
        assert (response.status_code, response.json()["error_code"]) == (501, "PARQUET_UNAVAILABLE")
        assert "pyarrow" in response.json()["error"]
    assert body(client.get(f"/runs/{succeeded.pk}/result.tsv"))


@every_format
def test_a_run_that_has_not_ended_is_answered_as_ever(client: Client, name: str) -> None:
    run = make_run()
    vcf, table = (client.get(address) for address in addresses(run, name))
    assert (vcf.status_code, vcf.json()["status"]) == (202, "PENDING")
    assert table.status_code == 409


@every_format
def test_an_expired_result_is_gone(client: Client, expired: Run, name: str) -> None:
    assert [client.get(address).status_code for address in addresses(expired, name)] == [410, 404]


@every_format
def test_registered_annotations_have_no_table(client: Client, name: str) -> None:
    run = make_run(kind="ingest", status="succeeded", require_validation=True)
    for address in addresses(run, name):
        assert client.get(address).status_code == 404


@every_format
def test_another_owner_gets_404(client: Client, succeeded: Run, settings: Settings, name: str) -> None:
    settings.ANYVAR_AUTH_TOKEN_LIST = ["other"]
    for address in addresses(succeeded, name):
        assert client.get(address, headers={"Authorization": "Bearer other"}).status_code == 404
