"""GET /runs/{run_id}/records: the records of a result, filtered, page by page."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests.factories import HEADER, make_run, store_input
from vcfjobs import storage
from vcfjobs.models import Run
from vcfjobs.worker import executor

pytestmark = [pytest.mark.django_db, pytest.mark.database]

RECORDS = (
    "chr1\t1\trs1\tA\tC\t.\tPASS\tDP=3\n"
    "chr1\t22\trs2\tA\tAAA\t.\tPASS\t.\n"
    "chr1\t40\trs3\tAGC\tA\t.\tPASS\t.\n"
    "chr1\t50\trs4\tGG\tC\t.\tPASS\t.\n"
    "chrM\t3\trs5\tC\t<DEL>\t.\tPASS\t.\n"
)


@pytest.fixture
def run(tiny_assembly: str) -> Run:
    """A succeeded run of RECORDS with attributes; one REF differs from the reference."""
    made = make_run(add_vrs_attributes=True, run_id="a")
    store_input(made, (HEADER + RECORDS).encode())
    executor.run(made.pk, task_id="t", worker="w")
    made.refresh_from_db()
    assert (made.status, made.indexed) == ("succeeded", True)
    return made


def records(client: Client, query: str = "") -> dict[str, Any]:
    response = client.get(f"/runs/a/records?{query}")
    assert response.status_code == 200, response.content
    found: dict[str, Any] = response.json()
    return found


def names(found: dict[str, Any]) -> list[str]:
    return [record["id"] for record in found["records"]]


@pytest.mark.usefixtures("run")
def test_a_record_has_its_alleles_with_identifiers_and_attributes(client: Client) -> None:
    _, insertion, *_ = records(client)["records"]
    ref, alt = insertion.pop("alleles")
    assert insertion == {
        "chrom": "chr1", "pos": 22, "id": "rs2", "ref": "A", "alts": ["AAA"], "error": None,
        "truncated": False,
    }  # fmt: skip
    assert (ref["index"], alt["index"]) == (0, 1)
    assert alt["vrs_id"].startswith("ga4gh:VA.")
    assert (alt["end"] - alt["start"] + 2, alt["repeat_subunit_length"]) == (alt["length"], 2)


@pytest.mark.usefixtures("run")
def test_a_record_without_identifier_says_why(client: Client) -> None:
    (failed,) = records(client, "only=failed")["records"]
    assert (failed["id"], failed["alleles"]) == ("rs4", [])
    assert failed["error"].startswith("Reference mismatch at tiny:chr1 position 49-51")


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["rs1", "rs2", "rs3", "rs4", "rs5"]),
        ("region=chr1:20-41", ["rs2", "rs3"]),
        ("region=chr1:42", ["rs3"]),
        ("region=M", ["rs5"]),
        ("region=chr9", []),
        ("id=rs3", ["rs3"]),
        ("type=insertion", ["rs2"]),
        ("type=symbolic", ["rs5"]),
        ("only=without_id", ["rs4"]),
        ("region=chr1&type=snv", ["rs1"]),
    ],
)
def test_parameters_choose_the_records(client: Client, query: str, expected: list[str]) -> None:
    assert names(records(client, query)) == expected


@pytest.mark.usefixtures("run")
def test_an_identifier_is_found_whole_or_by_its_beginning(client: Client) -> None:
    vrs_id = records(client, "id=rs1")["records"][0]["alleles"][1]["vrs_id"]
    for text in (vrs_id, vrs_id.removeprefix("ga4gh:VA."), vrs_id[:20]):
        assert "rs1" in names(records(client, f"vrs_id={text}"))


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("narrowed", ["", "region=chr1&"])
def test_cursors_lead_through_all_records_once(client: Client, narrowed: str) -> None:
    whole = names(records(client, narrowed))
    found, cursor = [], ""
    while cursor is not None:
        page = records(client, f"{narrowed}page_size=1&cursor={cursor}")
        found += names(page)
        cursor = page["next_cursor"]
    assert found == whole


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("cursor=x", "cursor: Not a cursor issued by this service."),
        ("cursor=1", "cursor: Not a cursor issued by this service."),
        ("cursor=ffffffffffffffff", "cursor: Not a cursor issued by this service."),
        ("region=chr1:5-4", "region: A region begins at 1 and does not end before its beginning."),
        ("vrs_id=ga4gh:SL.x", "vrs_id: A VRS id is ga4gh:VA. and 32 characters, or their beginning."),
        ("type=indel", 'type: "indel" is not a valid choice.'),
        ("only=good", 'only: "good" is not a valid choice.'),
        ("page_size=0", "page_size: Ensure this value is greater than or equal to 1."),
        ("page_size=1001", "page_size: Ensure this value is less than or equal to 1000."),
    ],
)
@pytest.mark.usefixtures("run")
def test_a_wrong_parameter_is_named(client: Client, query: str, detail: str) -> None:
    response = client.get(f"/runs/a/records?{query}")
    assert (response.status_code, response.json()["detail"]) == (422, detail)


def test_a_run_without_a_result_has_no_records(client: Client, run: Run) -> None:
    for columns, status in (
        ({"status": "running"}, 409),
        ({"status": "succeeded", "kind": "ingest"}, 404),
        ({"kind": "annotate", "expires": timezone.now()}, 404),
    ):
        Run.objects.update(**columns)
        assert client.get("/runs/a/records").status_code == status
    assert client.get("/runs/b/records").status_code == 404


def test_a_lost_or_damaged_result_is_a_failure_and_no_traceback(client: Client, run: Run) -> None:
    path = storage.result_path(run.pk, run.attempt)
    index = storage.beside(path, "tbi")
    index.write_bytes(index.read_bytes()[:30])
    damaged = client.get("/runs/a/records?region=chr1")
    assert damaged.json()["detail"] == "The index of the result is damaged."
    path.write_bytes(path.read_bytes()[:40])
    assert client.get("/runs/a/records").json()["error_code"] == "RUN_FAILURE"
    path.unlink()
    assert client.get("/runs/a/records").json()["detail"] == "The result is no longer on disk."


@pytest.mark.usefixtures("run")
def test_a_page_asks_the_database_for_the_run_alone(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        records(client, "region=chr1")
