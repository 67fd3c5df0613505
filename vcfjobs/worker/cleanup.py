"""Remove the files and shards that a run no longer needs."""

from __future__ import annotations

from uuid import UUID

from vcfjobs import storage
from vcfjobs.models import ACTIVE, Run, Shard, Status


def tidy_up(run_pk: UUID) -> None:
    """Make the run's folder match its row. Safe at any time, and idempotent.

    A succeeded run keeps its result, a failed or cancelled one its input, an expired or deleted one nothing.
    An active run keeps everything; the leftovers of lost attempts are removed when it ends.
    """
    run = Run.objects.filter(pk=run_pk, expired=None).only("status", "attempt").first()
    if run is None:
        storage.drop_run(run_pk)
    elif run.status == Status.SUCCEEDED:
        storage.keep_result(run_pk, run.attempt)
    elif run.status not in ACTIVE:
        storage.keep_input(run_pk, run.attempt)
    # Asked again: a retry may have begun meanwhile.
    shards = Shard.objects.filter(run=run_pk).exclude(run__status__in=ACTIVE)
    if shards.exists():
        shards.delete()
