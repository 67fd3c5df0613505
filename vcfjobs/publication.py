"""Publish the finished part of an attempt as the run's result, with its indexes beside it."""

from __future__ import annotations

import logging
from pathlib import Path

import pysam

from vcfjobs import workdir
from vcfjobs.models import Run
from vcfjobs.vrs.bgzf import BlockIndex

logger = logging.getLogger(__name__)


def publish(mine: Run, blocks: BlockIndex, *, sorted_records: bool) -> bool:
    """Publish the result after its indexes; True when there is a tabix index."""
    part = workdir.part_path(mine.pk, mine.attempt)
    block_index = part.with_name(f"{part.name}.gzi")
    with block_index.open("wb") as file:
        blocks.write(file)
    workdir.publish(block_index, workdir.result_blocks_path(mine.pk, mine.attempt))
    indexed = sorted_records and _tabix(part, workdir.result_index_path(mine.pk, mine.attempt))
    workdir.publish(part, workdir.result_path(mine.pk, mine.attempt))
    return indexed


def _tabix(part: Path, target: Path) -> bool:
    """Index our own result; False where the format does not allow it (a contig beyond 512 Mb)."""
    index = part.with_name(f"{part.name}.tbi")
    pysam.set_verbosity(0)  # htslib would print the record that it does not like
    try:
        pysam.tabix_index(str(part), preset="vcf", index=str(index), force=True, keep_original=True)
    except OSError as error:
        logger.warning("no tabix index: %s", error)
        return False
    workdir.publish(index, target)
    return True
