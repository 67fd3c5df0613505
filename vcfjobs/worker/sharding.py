"""One large run on many workers: cut it into shards, annotate a shard, join the parts.

The worker that claims a large run only cuts it. Each shard is then claimed separately, and the worker that
completes the last one joins the parts into the result. Parts are BGZF without end blocks, so they are joined
by concatenation. The text of the result depends only on the file.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings

from vcfjobs import storage
from vcfjobs.database.retry import retry_on_outage
from vcfjobs.errors import InvalidVcfError, MalformedRecordError, RunFailureError
from vcfjobs.models import Run, Shard
from vcfjobs.registry import load
from vcfjobs.vrs.bgzf.blocks import END_BLOCK, DamagedStreamError
from vcfjobs.vrs.bgzf.files import BgzfWriter, BlockIndex, join_indexes, read_gzi
from vcfjobs.vrs.bgzf.tabix import join_tabix
from vcfjobs.vrs.vcf.annotate import (
    Chunk,
    annotate_first_shard,
    annotate_later_shard,
    read_header,
    require_resolved,
)
from vcfjobs.vrs.vcf.lines import TextSource, open_text
from vcfjobs.vrs.vcf.report import Report
from vcfjobs.vrs.vcf.shards import cut, lines_before, open_shard
from vcfjobs.worker.annotation import make_tabix, open_assembly, options_of, publish, write_annotated
from vcfjobs.worker.lease import Lease

# Formats that are rewritten as BGZF before they are cut.
UNCUT = ("vcf.gz", "bcf")
# The batches of alleles of a shard are numbered from its own number times this.
BATCHES_OF_A_SHARD = 1 << 20


def plan_ranges(run: Run, stored: Path, lease: Lease) -> list[tuple[int, int]]:
    """The ranges of the run's shards. Gzip and BCF are not cut: the stored file is first rewritten as BGZF.

    Raises RunFailureError for a damaged file.
    """
    with stored.open("rb") as file:
        source = open_text(file)
        if source.format in UNCUT:
            _recompress(run, source, stored, lease)
    with stored.open("rb") as file:
        source = open_text(file)
        header, _ = read_header(source, None)
        size, header_size = stored.stat().st_size, len(header.data)
        try:
            return cut(file, source.format, size, settings.ANYVAR_SHARD_BYTES, header_size, lease.check)
        except (InvalidVcfError, DamagedStreamError) as error:
            raise RunFailureError(error.sentence) from error


def _recompress(run: Run, source: TextSource, stored: Path, lease: Lease) -> None:
    part = storage.recompressed_path(run.pk, run.attempt)
    with part.open("wb") as opened:
        writer = BgzfWriter(opened)
        while chunk := source.read_chunk():
            writer.write(chunk)
            lease.check()
        writer.close()
    storage.publish(part, stored)


def annotate_shard(shard: Shard, stored: Path, lease: Lease) -> dict[str, Any]:
    """Write the part of a shard and register its alleles; returns the shard's columns."""
    run = shard.run = retry_on_outage(Run.objects.get)(pk=shard.run_id)
    scale = run.input_bytes / stored.stat().st_size  # they differ if the file was rewritten
    part = storage.shard_path(run.pk, shard.cut_attempt, shard.number, shard.attempt)
    with load.Loader(run, first_batch=shard.number * BATCHES_OF_A_SHARD) as loader:
        with part.open("wb") as opened:
            writer = BgzfWriter(opened)
            report = write_annotated(_chunks(shard, stored, lease), writer, loader, lease, scale)
            writer.close_part()
        with storage.beside(part, "gzi").open("wb") as blocks:
            writer.write_index(blocks)
        if report.indexable and writer.uncompressed_length:
            make_tabix(part)
    storage.fsync_shard(part)
    lease.check()
    return {
        "records_done": report.records,
        "bytes_done": int((shard.end - shard.start) * scale),
        "report": report.to_json(),
        "part_bytes": writer.compressed_length,
        "part_text_bytes": writer.uncompressed_length,
    }


def _chunks(shard: Shard, stored: Path, lease: Lease) -> Iterator[Chunk]:
    reference, options = open_assembly(shard.run.assembly), options_of(shard.run)
    with stored.open("rb") as file:
        kind = open_text(file).format
        source = open_shard(file, kind, shard.start, shard.end)
        if shard.number == 0:
            yield from annotate_first_shard(source, reference, options)
            return
        try:
            yield from annotate_later_shard(source, reference, options, 1)
        except MalformedRecordError:
            # Only now count the lines before this shard, and read it again for the right line number.
            first_line = lines_before(file, kind, shard.start, lease.check) + 1
            source = open_shard(file, kind, shard.start, shard.end)
            for _ in annotate_later_shard(source, reference, options, first_line):
                pass
            raise


def join(run: Run, lease: Lease) -> dict[str, Any]:
    """Concatenate the complete parts of a run and publish the result; returns the run's columns.

    Raises RunFailureError if no record of the whole file is on a contig of the assembly.
    """
    shards, report = _shards_of(run)
    require_resolved(report, run.assembly)
    paths = [storage.shard_path(run.pk, shard.cut_attempt, shard.number, shard.attempt) for shard in shards]
    target = storage.part_path(run.pk, run.attempt)
    with target.open("wb") as file:
        for path in paths:
            storage.append(path, file)
            lease.check()
        file.seek(0, 2)
        file.write(END_BLOCK)
    indexed = report.indexable and _join_tabix(shards, paths, storage.beside(target, "tbi"))
    text_size = sum(shard.part_text_bytes or 0 for shard in shards)
    blocks = _joined_blocks(shards, paths)
    return publish(run, report, blocks, lease, text_size=text_size, indexed=indexed)


@retry_on_outage
def _shards_of(run: Run) -> tuple[list[Shard], Report]:
    """The shards of a run in order, and the sum of their reports."""
    in_order = run.shards.order_by("number")
    report = Report()
    for members in in_order.values_list("report", flat=True).iterator(chunk_size=20):
        report.merge(Report.from_json(members or {}))
    return list(in_order.defer("report")), report


def _joined_blocks(shards: list[Shard], paths: list[Path]) -> BlockIndex:
    parts = []
    for shard, path in zip(shards, paths, strict=True):
        with storage.beside(path, "gzi").open("rb") as file:
            parts.append((read_gzi(file), shard.part_bytes or 0, shard.part_text_bytes or 0))
    return join_indexes(parts)


def _join_tabix(shards: list[Shard], paths: list[Path], target: Path) -> bool:
    """Write the index of the result; False if a part has none (a contig longer than 512 Mb)."""
    parts, offset = [], 0
    for shard, path in zip(shards, paths, strict=True):
        if shard.part_text_bytes:
            parts.append((storage.beside(path, "tbi"), offset))
        offset += shard.part_bytes or 0
    if not parts or not all(index.exists() for index, _ in parts):
        return False
    with target.open("wb") as file:
        writer = BgzfWriter(file)
        writer.write(join_tabix((gzip.decompress(index.read_bytes()), at) for index, at in parts))
        writer.close()
    return True
