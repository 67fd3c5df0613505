"""What a worker does with one run: claim it, annotate its file, publish the result, say how it ended.

Everything it writes is fenced by its attempt. It returns the run's status; only what nobody foresaw is
logged with a traceback, which stays with the operator.
"""

from __future__ import annotations

import hashlib
import logging
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar
from uuid import UUID

import pysam
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from vcfjobs import references, registry, workdir
from vcfjobs.errors import RunFailureError, RunLostError, VcfJobsError
from vcfjobs.lease import Lease
from vcfjobs.models import Run
from vcfjobs.vrs.annotate import Options, annotate
from vcfjobs.vrs.bgzf import BgzfWriter, open_text
from vcfjobs.vrs.report import Report

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

UNFORESEEN = "The run failed for a reason inside the service. Its operators can see why."


@dataclass(frozen=True, slots=True)
class Result:
    """What the row says of a published result; sizes in bytes."""

    result_bytes: int
    result_text_bytes: int
    result_sha256: str
    indexed: bool
    records_done: int
    report: dict[str, object]


def run(pk: UUID, input_path: Path, *, task_id: str, worker: str) -> str:
    """Do the run if it is there to be taken; a message delivered twice does no harm.

    `input_path` is what the message says; it must be the stored file of the row.
    """
    mine = patiently(lambda: Run.objects.claim(pk, task_id, worker))
    if mine is None:
        logger.info("run %s: nothing to do, it is taken, over or gone", pk)
        return "not claimed"
    logger.info("run %s: attempt %s begins", pk, mine.attempt)
    try:
        _work(mine, input_path)
    except RunLostError:
        logger.info("run %s: attempt %s stops, the run is another's or over", pk, mine.attempt)
        workdir.drop_attempt(pk, mine.attempt)
        return "lost"
    except VcfJobsError as error:
        return _end_badly(mine, error, "")
    except Exception:
        logger.exception("run %s: attempt %s failed", pk, mine.attempt)
        return _end_badly(mine, RunFailureError(UNFORESEEN), traceback.format_exc())
    logger.info("run %s: attempt %s succeeded", pk, mine.attempt)
    return "succeeded"


def _work(mine: Run, input_path: Path) -> None:
    stored = workdir.input_path(mine.pk)
    if input_path != stored:
        raise RunFailureError("The message names another file than the run's own.")
    if not stored.is_file():
        raise RunFailureError("The uploaded file is no longer there.")
    with Lease(mine) as lease, workdir.full_disk_as_error():
        try:
            result = _annotate(mine, stored, lease)
        except FileNotFoundError as error:
            if Run.objects.mine(mine).exists():
                raise
            raise RunLostError from error  # deleted under our hands
    if not patiently(lambda: _succeed(mine, result)):
        raise RunLostError
    workdir.drop_input(mine.pk)


def _annotate(mine: Run, stored: Path, lease: Lease) -> Result:
    """Write, index and publish the annotated file."""
    reference = references.open_assembly(mine.assembly)
    registers = mine.register and settings.ANYVAR_REGISTER
    options = Options(
        for_ref=mine.for_ref, add_vrs_attributes=mine.add_vrs_attributes, collect_alleles=registers
    )
    part = workdir.part_path(mine.pk, mine.attempt)
    report = Report()
    with ExitStack() as stack:
        file = stack.enter_context(stored.open("rb"))
        sink = DigestingFile(stack.enter_context(part.open("wb")))
        loader = stack.enter_context(registry.Loader(mine)) if registers else None
        writer = BgzfWriter(sink)
        for chunk in annotate(open_text(file), reference, options):
            writer.write(chunk.data)
            report.merge(chunk.report)
            if loader is not None:
                loader.take(chunk.alleles)
            lease.progress(report.records, chunk.compressed_bytes)
        writer.close()
    lease.check()
    return Result(
        result_bytes=writer.compressed_length,
        result_text_bytes=writer.uncompressed_length,
        result_sha256=sink.sha256.hexdigest(),
        indexed=_publish(mine, writer, sorted_records=report.sorted),
        records_done=report.records,
        report=report.to_json(),
    )


def _publish(mine: Run, writer: BgzfWriter, *, sorted_records: bool) -> bool:
    """Publish the result after its indexes; True when there is a tabix index."""
    part = workdir.part_path(mine.pk, mine.attempt)
    blocks = part.with_name(f"{part.name}.gzi")
    with blocks.open("wb") as file:
        writer.write_index(file)
    workdir.publish(blocks, workdir.result_blocks_path(mine.pk, mine.attempt))
    indexed = sorted_records and _tabix(part, workdir.result_index_path(mine.pk, mine.attempt))
    workdir.publish(part, workdir.result_path(mine.pk, mine.attempt))
    return indexed


def _tabix(part: Path, target: Path) -> bool:
    """Index our own result; False where the format does not allow it (a contig beyond 512 Mb)."""
    index = part.with_name(f"{part.name}.tbi")
    try:
        pysam.tabix_index(str(part), preset="vcf", index=str(index), force=True, keep_original=True)
    except OSError as error:
        logger.warning("no tabix index: %s", error)
        return False
    workdir.publish(index, target)
    return True


def _succeed(mine: Run, result: Result) -> bool:
    columns = {name: getattr(result, name) for name in Result.__slots__}
    if Run.objects.succeed(mine, **columns):
        return True
    # A first UPDATE may have gone through while its answer was lost with the connection.
    return Run.objects.filter(pk=mine.pk, attempt=mine.attempt, status="succeeded").exists()


def _end_badly(mine: Run, error: VcfJobsError, trace: str) -> str:
    workdir.drop_attempt(mine.pk, mine.attempt)
    logger.info("run %s: attempt %s ends with %s", mine.pk, mine.attempt, error.code)
    ended = patiently(lambda: Run.objects.mine(mine).fail(error, trace))
    return "failed" if ended else "lost"


def patiently(ask: Callable[[], Answer]) -> Answer:
    """The database's answer, asked again over a fresh connection for as long as a lease lasts."""
    give_up = time.monotonic() + settings.ANYVAR_LEASE_SECONDS
    while True:
        try:
            return ask()
        except (DatabaseError, InterfaceError):
            if time.monotonic() > give_up:
                raise
            logger.warning("the database does not answer, asking again")
            connection.close()
            time.sleep(0.5)


class DigestingFile:
    """A file being written whose SHA-256 is computed on the way."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes) -> int:
        """Write all of `data`."""
        self.sha256.update(data)
        return self._file.write(data)
