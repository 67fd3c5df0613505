"""The runs that the tests of a worker begin with."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from pytest_django import Settings

from tests.factories import make_run, store_input
from tests.worker.large_runs import stored, text_of, turn
from vcfjobs.models import Run
from vcfjobs.vrs import kernel
from vcfjobs.worker import bootstep, fork_guard


@pytest.fixture
def queued(tiny_assembly: str) -> Run:
    """A queued run with its stored file, first in line."""
    run = make_run(queue_position=0)
    store_input(run)
    return run


@pytest.fixture
def cut_run(tiny_assembly: str, broker: object, settings: Settings) -> Run:
    """A large run that a worker has cut into many shards, all of them queued."""
    settings.ANYVAR_SHARD_BYTES = 4_000
    run = stored(text_of())
    turn(run)
    run.refresh_from_db()
    return run


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch) -> bootstep.SweepStep:
    """What a worker does beside its pool; nothing is loaded, checked or forked."""
    for module, name in ((bootstep, "refuse_wrong_setup"), (kernel, "load")):
        monkeypatch.setattr(module, name, lambda *_: None)
    monkeypatch.setattr(fork_guard, "fork_without_database", lambda: None)
    return bootstep.SweepStep(SimpleNamespace(pool_cls="", hostname="celery@here", concurrency=1))
