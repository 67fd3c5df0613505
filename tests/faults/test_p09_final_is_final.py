"""P9: succeeded never changes; what ended badly starts again by a retry alone."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from tests.factories import make_running
from vcfjobs.models import Run, Status

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

RACES = 1_000
BATCH = 100


def test_of_a_thousand_races_of_cancel_against_complete_each_has_one_winner() -> None:
    for _ in range(RACES // BATCH):
        runs = [make_running() for _ in range(BATCH)]
        outcomes: dict[str, list[bool]] = {}
        together = threading.Barrier(2)

        def race(name: str, act) -> None:  # type: ignore[no-untyped-def]
            together.wait()  # noqa: B023
            outcomes[name] = [bool(act(run)) for run in runs]  # noqa: B023
            connection.close()

        actors = [
            threading.Thread(target=race, args=("complete", lambda run: run.succeed())),
            threading.Thread(target=race, args=("cancel", lambda run: run.cancel())),
        ]
        for actor in actors:
            actor.start()
        for actor in actors:
            actor.join()
        for run, completed, cancelled in zip(runs, outcomes["complete"], outcomes["cancel"], strict=True):
            assert completed != cancelled
            run.refresh_from_db()
            assert run.status == (Status.SUCCEEDED if completed else Status.CANCELLED)
            assert run.retry() == cancelled
        Run.objects.all().delete()
