"""The Celery task and what it leaves in Celery's results."""

from __future__ import annotations

import pytest

from anyvar_site.celery import app
from vcfjobs import storage
from vcfjobs.models import Run, Status
from vcfjobs.tasks import OTHER_NAMES
from vcfjobs.worker import dispatch

pytestmark = [pytest.mark.django_db]


@pytest.mark.parametrize("name", [dispatch.WORK_ON_NEXT, *OTHER_NAMES])
def test_messages_of_the_releases_before_and_after_are_worked_on_too(name: str, queued: Run) -> None:
    number = [0] if name == "vcfjobs.annotate_shard" else []
    done = app.tasks[name].apply(args=[str(queued.pk), str(storage.input_path(queued.pk)), *number])
    assert (done.state, done.result) == ("SUCCESS", "succeeded")
    queued.refresh_from_db()
    assert queued.status == Status.SUCCEEDED


def test_the_result_of_a_failed_run_is_a_failure(queued: Run) -> None:
    storage.input_path(queued.pk).write_bytes(b"no VCF")
    done = app.tasks[dispatch.WORK_ON_NEXT].apply(args=[str(queued.pk), str(storage.input_path(queued.pk))])
    assert done.state == "FAILURE"
    queued.refresh_from_db()
    assert queued.status == Status.FAILED
