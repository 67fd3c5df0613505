"""How alleles get into the registry: what is written, in how many statements, and beside other writers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.factories import make_running
from tests.registry.test_registry import ACCESSION, row
from tests.servers import wait_until
from vcfjobs.models import Allele, RunAlleles, Sequence
from vcfjobs.registry import load
from vcfjobs.vrs.vcf.alleles import AlleleRow

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

MANY = sorted(row(number) for number in range(5000))


@pytest.fixture(autouse=True)
def sequence() -> Sequence:
    return Sequence.objects.create(accession=ACCESSION, length=10**9)


@pytest.fixture
def only_on_postgresql() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("only PostgreSQL has COPY and several writers")


@contextmanager
def another_transaction(allele: AlleleRow) -> Iterator[Any]:
    """A connection that has written an allele but not committed it."""
    table = Allele._meta.db_table
    with closing(connection.copy()) as other:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            values = [allele[0], Sequence.objects.get().pk, *allele[2:5]]
            columns = 'digest, sequence_id, start, "end", literal, span'
            cursor.execute(f"INSERT INTO {table} ({columns}) VALUES (%s, %s, %s, %s, %s, 0)", values)
        yield other


def waiting_for_a_transaction() -> int:
    with closing(connection.copy()) as other, other.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
            "AND datname = current_database()"
        )
        return int(cursor.fetchone()[0])


@contextmanager
def loading(alleles: list[AlleleRow]) -> Iterator[None]:
    """The load of these alleles in a thread; leaving waits for its end."""

    def load_and_close() -> None:
        try:
            load.load(alleles)
        finally:
            connection.close()

    thread = threading.Thread(target=load_and_close)
    thread.start()
    yield
    thread.join()


def digests() -> list[bytes]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT digest FROM {Allele._meta.db_table} ORDER BY digest")
        return [bytes(key) for (key,) in cursor.fetchall()]


def connections() -> int:
    with closing(connection.copy()) as other, other.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize("known", [[], MANY[:1], MANY[1:2], MANY[::2], MANY], ids=len)
def test_a_batch_is_complete_whichever_of_its_alleles_were_known(known: list[AlleleRow]) -> None:
    load.load(known)
    load.load(MANY)
    assert digests() == [allele[0] for allele in MANY]


@pytest.mark.parametrize("others", [1, 2, 3])
def test_alleles_that_others_register_meanwhile_are_waited_for(only_on_postgresql: None, others: int) -> None:
    with ExitStack() as stack:
        rivals = [
            stack.enter_context(another_transaction(MANY[1 + 1000 * number])) for number in range(others)
        ]
        stack.enter_context(loading(MANY))
        for rival in rivals:
            wait_until(lambda: waiting_for_a_transaction() == 1, "the load waits for the transaction")
            rival.commit()
    assert digests() == [allele[0] for allele in MANY]


def test_an_allele_that_another_transaction_takes_back_is_registered(only_on_postgresql: None) -> None:
    with another_transaction(MANY[7]) as rival, loading(MANY):
        wait_until(lambda: waiting_for_a_transaction() == 1, "the load waits for the transaction")
        rival.rollback()
    assert digests() == [allele[0] for allele in MANY]


def test_few_alleles_are_one_insert_and_change_no_catalogue() -> None:
    with CaptureQueriesContext(connection) as captured:
        load.load([row(1)])
    statements = [query["sql"] for query in captured]
    assert len([sql for sql in statements if "INSERT" in sql]) == 1
    assert not [sql for sql in statements if "CREATE" in sql or "COPY" in sql]


@pytest.mark.parametrize("first_statement", ["SELECT COALESCE", "INSERT"])
def test_alleles_are_registered_though_the_connection_ends_meanwhile(
    only_on_postgresql: None, first_statement: str
) -> None:
    ended: list[int] = []

    def end_once(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        result = execute(sql, *args)
        if sql.startswith(first_statement) and not ended:
            ended.append(connection.connection.info.backend_pid)
            with closing(connection.copy()) as other, other.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(%s, 5000)", ended)
        return result

    alleles = MANY if first_statement.startswith("SELECT") else MANY[:10]
    with connection.execute_wrapper(end_once):
        load.load(alleles)
    assert (len(ended), len(digests())) == (1, len(alleles))


def test_a_loader_writes_side_by_side_and_closes_its_connections(
    only_on_postgresql: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "BATCH", 1000)
    before = connections()
    with another_transaction(MANY[0]) as rival, load.Loader(make_running()) as loader:
        for begin in range(0, 2000, 1000):
            loader.take(MANY[begin : begin + 1000])
        wait_until(lambda: RunAlleles.objects.filter(ordinal=1).exists(), "the second batch is written")
        assert not RunAlleles.objects.filter(ordinal=0).exists()
        rival.commit()
    wait_until(lambda: connections() == before, "the connections are closed")
    assert digests() == [allele[0] for allele in MANY[:2000]]
