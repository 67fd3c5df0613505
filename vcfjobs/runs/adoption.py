"""Give the runs of one owner to another: of a token that got a name, of an identity that got an account."""

from __future__ import annotations

from typing import NamedTuple

from django.db import transaction

from vcfjobs.models import Run


class Adopted(NamedTuple):
    """How many runs changed their owner, and how many of them lost their run_id to a run of the new one."""

    runs: int
    renamed: int


def adopt_runs(*, source: str, target: str) -> Adopted:
    """Make all runs of the owner `source` those of `target`, in one transaction.

    A run_id that both use stays with the run of `target`; the other run is found by its key. Raises
    IntegrityError, and changes nothing, when `target` submits a run under such a run_id at the same moment.
    """
    if source == target:
        return Adopted(0, 0)
    with transaction.atomic():
        runs = Run.objects.filter(owner=source)
        taken = Run.objects.filter(owner=target, superseded=False).values("run_id")
        renamed = runs.filter(superseded=False, run_id__in=taken).update(superseded=True)
        return Adopted(runs.update(owner=target), renamed)
