"""Migrations keep what a database of the release before holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from tests.factories import make_run
from vcfjobs.models import Run, Shard, Status

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

BEFORE = ("vcfjobs", "0006_input_annotated_by")


def migrate(target: tuple[str, str]) -> Any:
    executor = MigrationExecutor(connection)
    return executor.migrate([target]).apps


@pytest.fixture
def before() -> Iterator[Any]:
    """The models of the release before, over its tables."""
    latest = [
        leaf for leaf in MigrationExecutor(connection).loader.graph.leaf_nodes() if leaf[0] == "vcfjobs"
    ]
    yield migrate(BEFORE)
    migrate(latest[0])


def test_runs_of_the_release_before_keep_their_position_and_count_their_records_without_ids(
    before: Any,
) -> None:
    report = {"records": 9, "resolved": 7, "failed": {"reference_mismatch": 3}}
    runs, shards = (before.get_model("vcfjobs", name).objects for name in ("Run", "Shard"))
    done = runs.create(run_id="a", assembly="x", status="succeeded", records_done=9, report=report)
    cut = runs.create(run_id="b", assembly="x", status="running", place=4)
    shards.create(run=cut, plan=2, number=0, start=0, end=1)
    migrate(("vcfjobs", "0008_terms"))
    assert Run.objects.get(pk=done.pk).without_ids_sentence == "5 of 9 records without identifiers"
    assert Run.objects.get(pk=cut.pk).queue_position == 4
    assert Shard.objects.get().cut_attempt == 2


def test_a_process_of_the_release_before_works_on_the_tables_of_this_one(before: Any) -> None:
    migrate(("vcfjobs", "0008_terms"))
    earlier = before.get_model("vcfjobs", "Run").objects
    pk = earlier.create(run_id="a", assembly="x", place=3).pk
    assert Run.objects.get(pk=pk).queue_position == 3
    run = make_run(run_id="b", queue_position=5, status=Status.RUNNING)
    assert earlier.get(pk=run.pk).place == 5
