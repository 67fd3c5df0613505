"""The tables: runs and their shards, references, registered alleles, workers, tokens of accounts,
notifications.

The database is the only truth about a run. Whatever two processes may change is changed by one conditional
UPDATE whose row count is checked, never by reading a row, changing it and saving it.
"""

from __future__ import annotations

from vcfjobs.models.accounts import ApiToken, LinkedIdentity
from vcfjobs.models.alleles import Allele, RunAlleles
from vcfjobs.models.notifications import EMAIL, Notification
from vcfjobs.models.references import Assembly, Contig, Sequence
from vcfjobs.models.runs import Kind, Run, RunQuerySet, retries
from vcfjobs.models.shards import Shard, ShardQuerySet
from vcfjobs.models.work_items import ACTIVE, FINAL, Status, WorkItem, seconds_from_now
from vcfjobs.models.workers import Worker

__all__ = [
    "ACTIVE",
    "EMAIL",
    "FINAL",
    "Allele",
    "ApiToken",
    "Assembly",
    "Contig",
    "Kind",
    "LinkedIdentity",
    "Notification",
    "Run",
    "RunAlleles",
    "RunQuerySet",
    "Sequence",
    "Shard",
    "ShardQuerySet",
    "Status",
    "WorkItem",
    "Worker",
    "retries",
    "seconds_from_now",
]
