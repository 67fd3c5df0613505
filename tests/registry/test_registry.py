"""The registry: every allele once, found by identifier and by place, and the runs that held it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries, Settings

from tests.factories import make_run, make_running
from tests.vrs.small_vcf import HEADER, record, reference, run
from vcfjobs.errors import InvalidCursorError
from vcfjobs.models import Allele, Run, RunAlleles, Sequence
from vcfjobs.registry import load, provenance, queries, search
from vcfjobs.vrs.digests import digest_text, raw_digest
from vcfjobs.vrs.vcf.alleles import AlleleRow
from vcfjobs.vrs.vcf.options import Options

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

ACCESSION = "SQ." + "s" * 32


def row(start: int, size: int = 1, literal: str | None = "C") -> AlleleRow:
    digest = raw_digest(f"{start}-{size}-{literal}".encode())
    if literal is None:
        return (digest, ACCESSION, start, start + size, None, size, 1)
    return (digest, ACCESSION, start, start + size, literal, None, None)


def id_of(allele: AlleleRow) -> str:
    return f"ga4gh:VA.{digest_text(allele[0])}"


@pytest.fixture
def sequence() -> Sequence:
    return Sequence.objects.create(accession=ACCESSION, length=10**9)


def test_alleles_of_a_file_are_registered_and_their_objects_have_their_identifiers() -> None:
    on = reference()
    Sequence.objects.create(accession=on.contigs["chr1"].accession, length=46)
    content = HEADER + record("A", "C") + record("T", "TAA", pos=14) + record("TG", "T", pos=5)
    data, rows, _ = run(content, on, Options(collect_alleles=True))
    load.load(rows)
    written = {word for word in data.decode().replace(";", ",").replace("=", ",").split(",") if "VA." in word}
    found = {allele.to_vrs()["id"] for allele in Allele.objects.select_related("sequence")}
    assert found == {word.split()[0] for word in written}


def test_loading_again_changes_nothing(sequence: Sequence) -> None:
    rows = [row(number) for number in range(100)]
    load.load(rows + rows)
    before = list(Allele.objects.order_by("digest").values())
    load.load(rows[::-1])
    assert list(Allele.objects.order_by("digest").values()) == before
    assert len(before) == 100


def test_simultaneous_loads_of_the_same_alleles_neither_fail_nor_double(sequence: Sequence) -> None:
    rows = [row(number) for number in range(3000)]
    errors: list[BaseException] = []

    def load_part(part: list[AlleleRow]) -> None:
        try:
            load.load(part)
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=load_part, args=(rows[::step],)) for step in (1, -1, 1, -1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert Allele.objects.count() == 3000


def test_a_digest_shows_as_its_characters_and_is_found_by_them(sequence: Sequence) -> None:
    load.load([row(5)])
    text = digest_text(row(5)[0])
    (allele,) = search.find_alleles([f"ga4gh:VA.{text}", "ga4gh:VA." + "A" * 32])
    assert (allele.pk, str(allele)) == (text, f"ga4gh:VA.{text}")
    assert Allele.objects.get(pk=text) == allele


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [(10, 10, True), (20, 20, True), (15, 15, True), (0, 100, True), (0, 9, False), (21, 30, False)],
)
def test_an_overlap_counts_both_ends(sequence: Sequence, start: int, end: int, found: bool) -> None:
    load.load([row(10, 10, None)])
    assert bool(search.overlapping(sequence, start, end, size=5).alleles) == found


@pytest.mark.parametrize("size", [0, 1, 16, 17, 256, 257, 65_537, 1_000_000, 50_000_000])
def test_an_allele_of_any_length_is_found_from_inside_it(sequence: Sequence, size: int) -> None:
    load.load([row(100, size, None)])
    inside = 100 + size // 2
    assert len(search.overlapping(sequence, inside, inside, size=5).alleles) == 1


def test_pages_are_complete_ordered_and_without_doubles(sequence: Sequence) -> None:
    rows = [row(number // 3, size, "CGT"[number % 3]) for number, size in enumerate([1, 20, 300] * 20)]
    load.load(rows)
    seen: list[tuple[int, str]] = []
    cursor = ""
    while True:
        page = search.overlapping(sequence, 0, 10_000, size=7, cursor=cursor)
        seen += [(allele.start, allele.digest) for allele in page.alleles]
        cursor = page.next_cursor
        if not cursor:
            break
    assert [start for start, _ in seen] == sorted(start for start, _ in seen)
    assert len(seen) == len(set(seen)) == Allele.objects.count()


def test_a_page_of_long_literals_ends_early_and_the_next_goes_on(sequence: Sequence) -> None:
    load.load([row(number, literal="C" * 1_000_000) for number in range(20)])
    starts: list[int] = []
    sizes: list[int] = []
    cursor = ""
    while not sizes or cursor:
        page = search.overlapping(sequence, 0, 100, size=1000, cursor=cursor)
        starts += [allele.start for allele in page.alleles]
        sizes.append(len(page.alleles))
        cursor = page.next_cursor
    assert starts == list(range(20))
    assert sizes == [9, 9, 2]


def test_a_page_is_one_query(sequence: Sequence, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    load.load([row(number) for number in range(10)])
    with django_assert_num_queries(1):
        search.overlapping(sequence, 0, 100, size=3)


@pytest.mark.parametrize(
    "cursor", ["x", "5", "5~short", "~", "5~" + "!" * 32, "-5~" + "A" * 32, f"{2**63}~" + "A" * 32]
)
def test_a_cursor_that_no_page_gave_is_refused(sequence: Sequence, cursor: str) -> None:
    with pytest.raises(InvalidCursorError, match="Not a cursor issued by this service"):
        search.overlapping(sequence, 0, 1, size=1, cursor=cursor)


def test_a_run_knows_its_alleles_and_an_allele_its_runs(sequence: Sequence) -> None:
    held, other = make_running(), make_running()
    with load.Loader(held) as loader:
        loader.take([row(1), row(2)])
        loader.take([row(1), row(3)])
    with load.Loader(other) as loader:
        loader.take([row(3)])
    ids, _ = provenance.alleles_of(held, "")
    assert sorted(ids) == sorted(id_of(row(number)) for number in (1, 2, 3))
    for number, runs in ((3, {held.pk, other.pk}), (1, {held.pk})):
        (allele,) = search.find_alleles([id_of(row(number))])
        assert {run.pk for run in provenance.runs_holding(allele, Run.objects.all(), "").runs} == runs


def test_a_repeated_attempt_leaves_the_same_registry(sequence: Sequence) -> None:
    run = make_running()
    for _ in range(2):
        with load.Loader(run) as loader:
            loader.take([row(1), row(2)])
    assert (Allele.objects.count(), RunAlleles.objects.count()) == (2, 1)


def test_an_error_of_the_loading_thread_reaches_the_engines(sequence: Sequence) -> None:
    run = make_running()
    Run.objects.filter(pk=run.pk).delete()
    with pytest.raises(IntegrityError), load.Loader(run) as loader:
        loader.take([row(1)])


def test_an_allele_of_an_unknown_sequence_ends_the_load_and_its_thread() -> None:
    with pytest.raises(Sequence.DoesNotExist), load.Loader(make_running()) as loader:
        loader.take([row(1)])
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("registry-")]


def test_alleles_are_registered_though_the_connection_ends_before_their_copy(sequence: Sequence) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("only PostgreSQL has COPY")
    ended: list[int] = []

    def end_once(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        result = execute(sql, *args)
        if sql.startswith("CREATE TEMPORARY TABLE") and not ended:
            ended.append(connection.connection.info.backend_pid)
            with closing(connection.copy()) as other, other.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(%s, 5000)", ended)
        return result

    with connection.execute_wrapper(end_once):
        load.load([row(1)])
    assert (len(ended), Allele.objects.count()) == (1, 1)


def test_long_literals_do_not_pile_up_until_there_are_many(sequence: Sequence) -> None:
    claimed = make_running()
    with load.Loader(claimed) as loader:
        for number in range(40):
            loader.take([row(number, literal="C" * 1_000_000 + str(number))])
    assert Allele.objects.count() == 40
    assert [len(bytes(batch.digests)) // 24 for batch in RunAlleles.objects.order_by("ordinal")] == [
        9
    ] * 4 + [4]


def test_provenance_can_be_switched_off(sequence: Sequence, settings: Settings) -> None:
    settings.ANYVAR_PROVENANCE = False
    with load.Loader(make_running()) as loader:
        loader.take([row(1)])
    assert Allele.objects.count() == 1
    assert not RunAlleles.objects.exists()


def test_a_deleted_run_leaves_its_alleles_and_takes_its_provenance(sequence: Sequence) -> None:
    run = make_running()
    with load.Loader(run) as loader:
        loader.take([row(1)])
    run.delete()
    assert Allele.objects.count() == 1
    assert not RunAlleles.objects.exists()


def test_a_run_registers_what_it_annotates(tiny_assembly: str, settings: Settings) -> None:
    from tests.factories import store_input
    from vcfjobs.worker import executor

    settings.ANYVAR_REGISTER = True
    kept, left_out = make_run(), make_run(register=False)
    for each in (left_out, kept):
        store_input(each)
        executor.run(each.pk, task_id="t", worker="w")
        assert Run.objects.get(pk=each.pk).status == "succeeded"
        assert Allele.objects.count() == (0 if each is left_out else 6)


def test_few_alleles_are_counted(sequence: Sequence) -> None:
    load.load([row(number) for number in range(30)])
    assert queries.estimated_count() == 30


def test_many_alleles_are_not_counted_and_estimated_well(
    sequence: Sequence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "COUNTED", 100)
    load.load([row(number) for number in range(20_000)])
    load.load([row(number) for number in range(10_000, 30_000)])
    with CaptureQueriesContext(connection) as captured:
        found = queries.estimated_count()
    assert not [query for query in captured if "COUNT" in query["sql"]]
    assert found == pytest.approx(30_000, rel=0.5)  # before any ANALYZE


def test_the_search_for_the_latest_runs_is_bounded_by_their_number_and_by_time(
    sequence: Sequence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "RUNS_SEARCHED", 2)
    digest = row(7)[0]
    for number in range(7):
        held = make_run(run_id=f"r{number}")
        RunAlleles.objects.create(run=held, ordinal=0, digests=b"\0" * 24 + digest)
        RunAlleles.objects.create(run=held, ordinal=1, digests=b"x" * 24)
    RunAlleles.objects.create(run=make_run(), ordinal=0, digests=b"x" * 12 + digest + b"x" * 12)
    allele, other = Allele(pk=digest_text(digest)), Allele(pk=digest_text(b"\1" * 24))
    runs, complete = provenance.latest_runs_holding(allele, most=100, seconds=60)
    assert ([held.run_id for held in runs], complete) == ([f"r{number}" for number in range(6, -1, -1)], True)
    runs, complete = provenance.latest_runs_holding(allele, most=2, seconds=60)
    assert ([held.run_id for held in runs], complete) == (["r6", "r5"], False)
    assert provenance.latest_runs_holding(allele, most=100, seconds=-1) == ([], False)
    assert provenance.latest_runs_holding(other, most=1, seconds=60) == ([], True)
