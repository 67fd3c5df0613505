"""Publish the finished part of an attempt as the run's result, with its indexes beside it."""

from __future__ import annotations

import logging
from pathlib import Path

import pysam

from vcfjobs import workdir
from vcfjobs.models import Run
from vcfjobs.vrs.bgzf import BlockIndex

logger = logging.getLogger(__name__)


def publish(mine: Run, blocks: BlockIndex, *, indexed: bool) -> None:
    """Publish the result after its indexes; the tabix index, where there is one, lies beside the part."""
    part = workdir.part_path(mine.pk, mine.attempt)
    block_index = workdir.beside(part, "gzi")
    with block_index.open("wb") as file:
        blocks.write(file)
    workdir.publish(block_index, workdir.result_blocks_path(mine.pk, mine.attempt))
    if indexed:
        workdir.publish(workdir.beside(part, "tbi"), workdir.result_index_path(mine.pk, mine.attempt))
    workdir.publish(part, workdir.result_path(mine.pk, mine.attempt))


def make_tabix(part: Path) -> bool:
    """Index our own sorted BGZF, whole or a part of one, into a file beside it.

    False where the format does not allow it (a contig beyond 512 Mb).
    """
    pysam.set_verbosity(0)  # htslib would print the record that it does not like
    index = workdir.beside(part, "tbi")
    try:
        pysam.tabix_index(str(part), preset="vcf", index=str(index), force=True, keep_original=True)
    except OSError as error:
        logger.warning("no tabix index: %s", error)
        return False
    return True
