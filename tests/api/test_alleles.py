"""The registry over HTTP."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries, Settings

from tests.factories import make_run, store_input
from vcfjobs.models import Allele, Assembly, Run, RunAlleles, Status
from vcfjobs.registry import provenance, queries, search
from vcfjobs.vrs.digests import vrs_allele
from vcfjobs.worker import executor

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def registered(tiny_assembly: str, settings: Settings) -> Run:
    """A run whose six alleles are registered."""
    settings.ANYVAR_REGISTER = True
    run = make_run()
    store_input(run)
    executor.run(run.pk, task_id="t", worker="w")
    assert Allele.objects.count() == 6
    return Run.objects.get()


@pytest.fixture
def vrs_id(registered: Run) -> str:
    """An identifier that the registry knows."""
    return f"ga4gh:VA.{Allele.objects.order_by('digest')[0].digest}"


def test_an_object_is_found_and_its_identifier_is_the_one_asked_for(client: Client, vrs_id: str) -> None:
    answer = client.get(f"/object/{vrs_id}").json()
    assert answer["messages"] == []
    assert answer["data"]["id"] == vrs_id
    assert answer["data"]["location"]["sequenceReference"]["refgetAccession"].startswith("SQ.")


def insertion() -> Allele:
    """The two A inserted into nine."""
    return Allele.objects.select_related("sequence").get(length=11)


def test_an_insertion_into_a_repeat_names_its_identifier_under_both_versions(
    client: Client, registered: Run
) -> None:
    allele = insertion()
    answer = client.get(f"/object/{allele}").json()
    under_2_1 = vrs_allele(
        allele.sequence.accession, allele.start, allele.end, length=11, repeat_subunit_length=1
    )
    assert answer == {
        "messages": [],
        "data": allele.to_vrs(),
        "ids_by_vrs_version": {"2.0": str(allele), "2.1": under_2_1["id"]},
    }


def test_an_allele_with_one_identifier_is_answered_as_anyvar_does(client: Client, registered: Run) -> None:
    for allele in Allele.objects.exclude(pk=insertion().pk):
        assert set(client.get(f"/object/{allele}").json()) == {"messages", "data"}


@pytest.mark.parametrize("gone", ["assembly", "file"])
def test_nothing_is_said_of_versions_where_the_reference_is_gone(
    client: Client, registered: Run, settings: Settings, gone: str
) -> None:
    if gone == "assembly":
        Assembly.objects.all().delete()
    else:
        (settings.ANYVAR_SEQUENCE_DIR / insertion().sequence.accession).unlink()
    answer = client.get(f"/object/{insertion()}")
    assert (answer.status_code, set(answer.json())) == (200, {"messages", "data"})


@pytest.mark.parametrize("unknown", ["ga4gh:VA." + "A" * 32, "ga4gh:SL." + "A" * 32, "x", "ga4gh:VA.short"])
def test_an_unknown_object_is_404_in_anyvars_shape(client: Client, unknown: str) -> None:
    response = client.get(f"/object/{unknown}")
    assert (response.status_code, response.json()) == (404, {"detail": f"VRS Object {unknown} not found"})


def test_many_objects_are_one_query(
    client: Client, vrs_id: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        answer = client.post(
            "/objects", {"ids": [vrs_id, "ga4gh:VA." + "A" * 32]}, content_type="application/json"
        ).json()
    assert list(answer["objects"]) == [vrs_id]
    assert answer["missing"] == ["ga4gh:VA." + "A" * 32]


def test_too_many_objects_are_422(client: Client) -> None:
    response = client.post("/objects", {"ids": ["x"] * 10_001}, content_type="application/json")
    assert response.status_code == 422


def test_many_objects_that_are_large_together_are_413_and_each_alone_is_found(
    client: Client, registered: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    literals = Allele.objects.exclude(literal=None)
    ids = [str(allele) for allele in Allele.objects.all()]
    monkeypatch.setattr(search, "PAGE_BYTES", sum(len(allele.literal or "") for allele in literals) + 1)
    response = client.post("/objects", {"ids": ids}, content_type="application/json")
    assert len(response.json()["objects"]) == 6
    monkeypatch.setattr(search, "PAGE_BYTES", 1)
    response = client.post("/objects", {"ids": ids}, content_type="application/json")
    assert (response.status_code, response.json()["error_code"]) == (413, "REQUEST_TOO_LARGE")
    for vrs_id in ids:
        response = client.post("/objects", {"ids": [vrs_id]}, content_type="application/json")
        assert list(response.json()["objects"]) == [vrs_id]


def test_a_body_that_is_too_large_for_memory_is_413(client: Client, db: None, settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    allowed = json.dumps({"ids": []}).ljust(100)
    assert client.post("/objects", allowed, content_type="application/json").status_code == 200
    response = client.post("/objects", allowed + " ", content_type="application/json")
    assert response.status_code == 413
    assert response.json()["detail"] == "The request, or a field of it, is too large."


def test_variations_are_paged_in_order(client: Client, registered: Run) -> None:
    seen: list[str] = []
    cursor = ""
    for _ in range(10):
        page = client.get(
            "/variations",
            {"accession": "tiny:1", "start": "0", "end": "240", "page_size": "4", "cursor": cursor},
        ).json()
        seen += [allele["id"] for allele in page["variations"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 6


@pytest.mark.parametrize("prefix", ["", "ga4gh:"])
def test_an_accession_names_the_sequence_too(client: Client, registered: Run, prefix: str) -> None:
    accession = Allele.objects.select_related("sequence")[0].sequence.accession
    page = client.get("/variations", {"accession": prefix + accession, "start": "0", "end": "0"}).json()
    assert len(page["variations"]) == 2


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"accession": "tiny:9", "start": 0, "end": 1}, 404),
        ({"accession": "nope:1", "start": 0, "end": 1}, 404),
        ({"accession": "SQ.x", "start": 0, "end": 1}, 404),
        ({"accession": "tiny:1", "start": 5, "end": 1}, 422),
        ({"accession": "tiny:1", "start": -1, "end": 1}, 422),
        ({"accession": "tiny:1", "start": "x", "end": 1}, 422),
        ({"accession": "tiny:1", "end": 1}, 422),
        ({"accession": "tiny:1", "start": 0, "end": 1, "cursor": "x"}, 422),
        ({"accession": "tiny:1", "start": 0, "end": 1, "page_size": 0}, 422),
    ],
)
def test_a_wrong_search_says_what_is_wrong(
    client: Client, registered: Run, query: dict[str, str], status: int
) -> None:
    assert client.get("/variations", query).status_code == status


def test_an_allele_names_its_runs_and_a_run_its_alleles(client: Client, registered: Run, vrs_id: str) -> None:
    runs = client.get(f"/object/{vrs_id}/runs").json()["runs"]
    assert [run["id"] for run in runs] == [str(registered.pk)]
    assert runs[0]["self"] == f"/runs/{registered.pk}/"
    page = client.get(f"/runs/{registered.run_id}/alleles").json()
    assert len(page["ids"]) == 6
    assert vrs_id in page["ids"]
    assert page["next_cursor"] is None


def test_the_runs_of_an_allele_are_paged(
    client: Client, registered: Run, vrs_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "RUNS_A_PAGE", 1)
    newer = make_run()
    held = registered.batches.get()
    RunAlleles.objects.create(run=newer, ordinal=0, digests=held.digests)
    first = client.get(f"/object/{vrs_id}/runs").json()
    assert [run["id"] for run in first["runs"]] == [str(newer.pk)]
    second = client.get(f"/object/{vrs_id}/runs?cursor={first['next_cursor']}").json()  # as curl sends it
    assert [run["id"] for run in second["runs"]] == [str(registered.pk)]
    assert second["next_cursor"] is None
    assert client.get(f"/object/{vrs_id}/runs", {"cursor": "x"}).status_code == 422


def test_the_alleles_of_a_run_end_with_its_last_page(
    client: Client, registered: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "IDS_A_PAGE", 3)
    first = client.get(f"/runs/{registered.run_id}/alleles").json()
    second = client.get(f"/runs/{registered.run_id}/alleles", {"cursor": first["next_cursor"]}).json()
    assert len(set(first["ids"] + second["ids"])) == 6
    assert second["next_cursor"] is None


def test_anothers_run_is_not_named(client: Client, registered: Run, vrs_id: str, settings: Settings) -> None:
    settings.ANYVAR_AUTH_TOKEN_LIST = ["secret"]
    headers = {"Authorization": "Bearer secret"}
    assert client.get(f"/object/{vrs_id}/runs", headers=headers).json()["runs"] == []
    assert client.get(f"/runs/{registered.run_id}/alleles", headers=headers).status_code == 404


def test_stats_count_runs_alleles_and_sequences(client: Client, registered: Run) -> None:
    assert client.get("/stats").json() == {
        "runs": {"succeeded": 1},
        "alleles": 6,
        "alleles_by_type": {"reference": 3, "snv": 1, "insertion": 1, "deletion": 1},
        "sequences": 2,
    }


@pytest.mark.database
def test_stats_read_the_counts_of_reports_and_no_more() -> None:
    report = {"alleles": {"snv": 2}, "positions": {"chr1": [list(range(100_000))]}}
    for kept in (report, report, report, None, {}):
        make_run(status=Status.SUCCEEDED, report=kept)
    queries.stats()
    tracemalloc.start()
    try:
        assert queries.stats()["alleles_by_type"] == {"snv": 6}
        assert tracemalloc.get_traced_memory()[1] < 300_000  # one such report has 0.7 MB
    finally:
        tracemalloc.stop()


@pytest.mark.database
def test_stats_count_runs_in_an_index_alone() -> None:
    make_run()
    with CaptureQueriesContext(connection) as captured:
        queries.stats()
    (counts,) = (query["sql"] for query in captured if "GROUP BY" in query["sql"])
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {'' if connection.vendor == 'postgresql' else 'QUERY PLAN '}{counts}")
        plan = " ".join(str(column) for row in cursor.fetchall() for column in row)
    assert "Index Only Scan" in plan or "COVERING INDEX" in plan


def test_the_export_is_one_allele_a_line(registered: Run, tmp_path: Path) -> None:
    output = tmp_path / "alleles.ndjson"
    call_command("export_alleles", "-o", str(output))
    objects = [json.loads(line) for line in output.read_text().splitlines()]
    assert {allele["id"] for allele in objects} == {str(allele) for allele in Allele.objects.all()}
