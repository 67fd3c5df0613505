"""PUT /annotated_vcf: registering what a file carries, and never an identifier that is not its own."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from tests.api.conftest import body
from tests.factories import VCF
from vcfjobs import storage
from vcfjobs.models import Allele, Run
from vcfjobs.worker import dispatch, executor

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _registering(settings: Settings) -> None:
    settings.ANYVAR_REGISTER = True


@pytest.fixture
def annotated(client: Client, tiny_assembly: str) -> bytes:
    """The small VCF with identifiers and attributes, which are not registered yet."""
    address = "/vcf?assembly=tiny&add_vrs_attributes=true&register=false"
    return body(client.put(address, VCF, content_type="text/plain"))


def put(client: Client, content: bytes, **query: str) -> Any:
    address = "/annotated_vcf?" + "&".join(f"{k}={v}" for k, v in {"assembly": "tiny", **query}.items())
    return client.put(address, content, content_type="text/plain")


def test_the_alleles_that_a_file_carries_are_registered(client: Client, annotated: bytes) -> None:
    response = put(client, annotated, run_id="a")
    assert response.status_code == 200
    assert response.json() == {
        "run_id": "a",
        "status": "SUCCESS",
        "status_message": "VCF registration complete",
    }
    assert Allele.objects.count() == 6
    written = annotated.decode()
    assert all(str(allele) in written for allele in Allele.objects.all())


def test_a_service_without_a_registry_registers_nothing_and_says_so(
    client: Client, annotated: bytes, settings: Settings
) -> None:
    settings.ANYVAR_REGISTER = False
    answer = put(client, annotated).json()
    assert answer["status"] == "SUCCESS"
    assert answer["status_message"] == "Not registered: this service keeps no registry (ANYVAR_REGISTER)."
    body(put(client, annotated, require_validation="true"))
    assert not Allele.objects.exists()


def test_asynchronously_it_is_202_and_the_same_answer_later(
    client: Client, annotated: bytes, broker: list[Any]
) -> None:
    assert put(client, annotated, run_async="true", run_id="a").status_code == 202
    run = Run.objects.get(run_id="a")
    assert broker[0][0] == dispatch.WORK_ON_NEXT
    executor.run(run.pk, task_id="t", worker="w")
    assert client.get("/vcf/a").json()["status"] == "SUCCESS"
    assert [path.name for path in storage.run_folder(run.pk).iterdir()] == []


@pytest.mark.parametrize("missing", ["VRS_Allele_IDs", "VRS_RepeatSubunitLengths"])
def test_a_file_without_the_fields_is_400_in_anyvars_words(
    client: Client, annotated: bytes, missing: str
) -> None:
    content = b"\n".join(line for line in annotated.split(b"\n") if f"ID={missing},".encode() not in line)
    response = put(client, content)
    assert response.status_code == 400
    assert response.json()["error"].startswith(
        "Required VRS annotations are missing -- ensure INFO field has"
    )


def test_an_identifier_that_is_not_of_its_attributes_is_never_stored(
    client: Client, annotated: bytes
) -> None:
    wrong = annotated.replace(b"VRS_Starts=0,0", b"VRS_Starts=0,1", 1)
    assert put(client, wrong).status_code == 200
    assert Allele.objects.count() == 5
    assert Run.objects.get(kind="ingest").report["failed"] == {"identifier_not_of_its_attributes": 1}  # type: ignore[index]


@pytest.mark.parametrize("start", [b"x", b"-5", b"99999"])
def test_attributes_that_are_none_are_counted(client: Client, annotated: bytes, start: bytes) -> None:
    assert put(client, annotated.replace(b"VRS_Starts=0,0", b"VRS_Starts=0," + start, 1)).status_code == 200
    assert Allele.objects.count() == 4
    assert Run.objects.get(kind="ingest").report["failed"] == {"malformed_annotation": 1}  # type: ignore[index]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"VRS_Lengths=1,.", b"VRS_Lengths=1000000000000,."),
        (b"VRS_Lengths=1,.", b"VRS_Lengths=-1,."),
        (b"VRS_States=A,C", b"VRS_States=A,x"),
        (b"VRS_States=A,C", b"VRS_States=A,C\0"),
    ],
    ids=["too long", "below zero", "no base", "zero byte"],
)
def test_states_that_are_none_are_counted_and_never_stored(
    client: Client, annotated: bytes, old: bytes, new: bytes
) -> None:
    assert put(client, annotated.replace(old, new, 1)).status_code == 200
    assert Allele.objects.count() == 4
    assert Run.objects.get(kind="ingest").report["failed"] == {"malformed_annotation": 1}  # type: ignore[index]


def test_validation_of_a_right_file_is_a_csv_without_rows(client: Client, annotated: bytes) -> None:
    response = put(client, annotated, require_validation="true")
    assert response["Content-Type"].startswith("text/csv")
    assert body(response) == b"vrs_id,assembly,chrom,pos,start,end,state,new_vrs_id\r\n"


@pytest.mark.parametrize("version", ["2.0", "2.1"])
def test_the_report_names_the_version_that_the_file_does(
    client: Client, tiny_assembly: str, version: str
) -> None:
    address = f"/vcf?assembly=tiny&add_vrs_attributes=true&vrs_version={version}"
    carrying = body(client.put(address, VCF, content_type="text/plain"))
    assert put(client, carrying).status_code == 200
    assert Run.objects.get(kind="ingest").report["vrs_version"] == version  # type: ignore[index]


def test_validation_names_each_identifier_that_ref_and_alt_do_not_give(
    client: Client, annotated: bytes
) -> None:
    # The record's ALT is another base than the one that was annotated.
    wrong = annotated.replace(b"chr1\t1\t.\tA\tC\t", b"chr1\t1\t.\tA\tG\t")
    (row,) = csv.DictReader(io.StringIO(body(put(client, wrong, require_validation="true")).decode()))
    assert (row["assembly"], row["chrom"], row["pos"], row["start"], row["end"], row["state"]) == (
        "tiny",
        "chr1",
        "1",
        "0",
        "1",
        "C",
    )
    assert row["vrs_id"] != row["new_vrs_id"]
    assert row["new_vrs_id"].startswith("ga4gh:VA.")
    assert Allele.objects.count() == 6  # both are alleles, whatever the record says


def test_without_references_and_with_wrong_parameters_it_refuses(
    client: Client, tiny_assembly: str, settings: Settings
) -> None:
    assert put(client, VCF, assembly="nope").status_code == 422
    assert put(client, b"nonsense").status_code == 400
    assert not any(storage.spool().iterdir())
