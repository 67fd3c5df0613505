"""Remove the files and shards that a run no longer needs."""

from __future__ import annotations

from uuid import UUID

from vcfjobs import storage
from vcfjobs.models import ACTIVE, Run, Shard, Status


def tidy_up(run_pk: UUID) -> None:
    """Make the run's folder what its row says; safe at any time, and as often as anyone likes.

    A run that succeeded keeps its result, one that failed or was cancelled its input, and one that expired
    or was deleted nothing. An active run keeps everything: what its lost attempts left is removed at its end.
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
