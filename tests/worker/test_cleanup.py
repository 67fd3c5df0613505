"""What a run keeps on disk follows from its row."""

from __future__ import annotations

import pytest
from django.utils import timezone

from tests.factories import make_run, store_input
from tests.worker.large_runs import files
from vcfjobs import storage
from vcfjobs.models import Run, Shard, Status
from vcfjobs.worker import cleanup

pytestmark = [pytest.mark.django_db, pytest.mark.database]

WRITTEN = ["1.part.gz", "1.shards", "2.vcf.gz", "2.vcf.gz.gzi", "3.part.gz", "input"]


def worked_on(status: str) -> Run:
    """A run in its second attempt, with the files of three and a shard."""
    run = make_run(status=status, attempt=2)
    folder = store_input(run).parent
    for name in WRITTEN[:-1]:
        (folder / name).mkdir() if name.endswith(".shards") else (folder / name).touch()
    Shard.objects.create(run=run, cut_attempt=1, number=0, start=0, end=1)
    return run


@pytest.mark.parametrize(
    ("status", "kept"),
    [
        (Status.QUEUED, WRITTEN),
        (Status.RUNNING, WRITTEN),
        (Status.SUCCEEDED, ["2.vcf.gz", "2.vcf.gz.gzi"]),
        (Status.FAILED, ["3.part.gz", "input"]),  # the third attempt is that of a retry
        (Status.CANCELLED, ["3.part.gz", "input"]),
    ],
)
def test_a_run_keeps_what_its_status_needs(status: str, kept: list[str]) -> None:
    run = worked_on(status)
    for _ in range(2):
        cleanup.tidy_up(run.pk)
        assert files(run) == kept
        assert run.shards.exists() == (status in (Status.QUEUED, Status.RUNNING))


@pytest.mark.parametrize("how", ["expired", "deleted"])
def test_a_run_that_expired_or_was_deleted_keeps_nothing(how: str) -> None:
    run = worked_on(Status.FAILED)
    row = Run.objects.filter(pk=run.pk)
    row.update(expired=timezone.now()) if how == "expired" else row.delete()
    cleanup.tidy_up(run.pk)
    assert not storage.run_folder(run.pk).exists()
    assert not Shard.objects.exists()
    cleanup.tidy_up(run.pk)
