"""Registered assemblies as FASTA, read by region."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pysam
import pytest
from django.test import Client
from pytest_django import Settings

from tests.api.conftest import body
from tests.conftest import TINY_CONTIG
from vcfjobs.models import Contig
from vcfjobs.references.register import load_reference

pytestmark = [pytest.mark.django_db, pytest.mark.database]

WHOLE = f">chr1\n{TINY_CONTIG}\n>chrM\n{TINY_CONTIG[::-1]}\n".encode()


def test_the_fasta_is_the_registered_one_and_its_index_that_of_faidx(
    client: Client, tiny_assembly: str, tmp_path: Path
) -> None:
    response = client.get("/references/tiny.fa")
    fasta = tmp_path / "tiny.fa"
    fasta.write_bytes(body(response))
    assert fasta.read_bytes() == WHOLE
    assert int(response["Content-Length"]) == len(WHOLE)
    pysam.faidx(str(fasta))
    assert body(client.get("/references/tiny.fa.fai")) == (tmp_path / "tiny.fa.fai").read_bytes()


@pytest.mark.parametrize("step", [1, 7, 100])
def test_every_range_is_that_part_of_the_whole(client: Client, tiny_assembly: str, step: int) -> None:
    for start in range(0, len(WHOLE), step):
        response = client.get("/references/tiny.fa", headers={"Range": f"bytes={start}-{start + step - 1}"})
        assert response.status_code == 206
        assert body(response) == WHOLE[start : start + step]


def test_a_range_past_the_end_is_416(client: Client, tiny_assembly: str) -> None:
    response = client.get("/references/tiny.fa", headers={"Range": f"bytes={len(WHOLE)}-"})
    assert response.status_code == 416


def test_an_unchanged_fasta_is_304_and_a_replaced_one_another(client: Client, tiny_assembly: str) -> None:
    etag = client.get("/references/tiny.fa")["ETag"]
    assert client.get("/references/tiny.fa", headers={"If-None-Match": etag}).status_code == 304
    options: dict[str, Any] = {"accessions": {}, "canonical": False, "replace": True}
    load_reference(
        name="tiny", fasta=io.BytesIO(b">chr1\nACGT\n"), source="", on_progress=lambda _: None, **options
    )
    response = client.get("/references/tiny.fa", headers={"If-None-Match": etag})
    assert body(response) == b">chr1\nACGT\n"


@pytest.mark.parametrize("file", ["unknown.fa", "unknown.fa.fai", "tiny", "tiny.2bit"])
def test_what_is_not_registered_is_404(client: Client, tiny_assembly: str, file: str) -> None:
    assert client.get(f"/references/{file}").status_code == 404


def test_without_any_reference_it_is_503(client: Client) -> None:
    response = client.get("/references/GRCh38.fa")
    assert (response.status_code, response.json()["error_code"]) == (503, "NO_REFERENCE")


def test_a_damaged_sequence_is_503_before_anything_is_sent(
    client: Client, tiny_assembly: str, settings: Settings
) -> None:
    content = Contig.objects.get(name="chr1").content
    path = Path(settings.ANYVAR_SEQUENCE_DIR) / content
    path.unlink()
    response = client.get("/references/tiny.fa", headers={"Range": "bytes=6-10"})
    assert (response.status_code, response.json()["error_code"]) == (503, "NO_REFERENCE")


def test_a_closed_service_shows_its_references_to_nobody(
    client: Client, tiny_assembly: str, settings: Settings
) -> None:
    settings.ANYVAR_AUTH_TOKEN_LIST = ["secret"]
    assert client.get("/references/tiny.fa").status_code == 401
