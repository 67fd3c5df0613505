"""One file annotated by several processes: chunks go out, and what they become is yielded in their order.

The parent reads, decompresses and cuts the file into chunks of whole lines; its children annotate and
compress them. A BGZF block ends where a chunk ends, so the bytes of the output do not depend on the number
of processes.
"""

from __future__ import annotations

import ctypes
import io
import os
import signal
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import replace
from itertools import cycle
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from threading import Thread
from typing import TYPE_CHECKING, ClassVar

from vcfjobs.command_line.shared_slots import Sent, SharedSlots
from vcfjobs.errors import RunFailureError, VcfJobsError
from vcfjobs.vrs import kernel
from vcfjobs.vrs.bgzf.files import BgzfWriter
from vcfjobs.vrs.sequences.flat_files import Reference
from vcfjobs.vrs.vcf.annotate import (
    Chunk,
    annotate,
    read_header,
    require_resolved,
)
from vcfjobs.vrs.vcf.lines import TextSource
from vcfjobs.vrs.vcf.options import Options
from vcfjobs.vrs.vcf.records import RecordAnnotator
from vcfjobs.vrs.vcf.report import Report

if TYPE_CHECKING:
    from vcfjobs.vrs.kernel.annotator import KernelAnnotator

# Chunks of about 1 MiB for each process: one that it works on, and two that it takes next without waiting.
IN_FLIGHT = 3
# Parameters of mallopt, from glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3

Answer = tuple[Sent, Report]


def annotate_by(
    processes: int, source: TextSource, reference: Reference, options: Options, *, bgzf: bool
) -> Generator[Chunk, None, None]:
    """Annotate a file as `annotate` does; with `bgzf`, the data of a chunk are BGZF blocks, no end block.

    Close the iterator, so that no process stays. Raises what `annotate` raises, for the same line, and
    RunFailureError when a process was killed.
    """
    if processes > 1:
        yield from _annotate_in_children(processes, source, reference, options, bgzf=bgzf)
        return
    for chunk in annotate(source, reference, options):
        yield replace(chunk, data=_blocks(chunk.data)) if bgzf else chunk


def _annotate_in_children(
    processes: int, source: TextSource, reference: Reference, options: Options, *, bgzf: bool
) -> Iterator[Chunk]:
    header, rest = read_header(source, options)
    data = _blocks(header.data) if bgzf else header.data
    report = Report(replaced=header.annotated_by, vrs_version=options.vrs_version)
    yield Chunk(data, [], report, source.compressed_bytes)
    pure = RecordAnnotator(reference, options)
    most = IN_FLIGHT * processes
    slots = SharedSlots(most)
    _keep_freed_memory()
    # Forked, so that the children share the slots, the kernel and the mapped sequences.
    pool = ProcessPoolExecutor(processes, get_context("fork"), _Child.start, (pure, slots, bgzf))
    total = Report()
    try:
        for chunk in _in_order(pool, slots, most, source, rest, header.lines + 1):
            total.merge(chunk.report)
            yield chunk
    except BrokenProcessPool as error:
        raise RunFailureError(
            "A process that annotated a part of the file was killed. If memory ran out, use fewer threads."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)
    require_resolved(total, reference.assembly)


def _in_order(
    pool: ProcessPoolExecutor, slots: SharedSlots, most: int, source: TextSource, rest: bytes, line: int
) -> Iterator[Chunk]:
    """Send the file's chunks out, at most `most` at a time; `rest`, the first, begins in that line.

    An error of the reader is raised after the chunks before it, which may have an error of their own.
    """
    waiting: deque[tuple[int, Future[Answer], int]] = deque()
    damage: VcfJobsError | None = None
    free = cycle(range(most))  # answers are taken in the order of the chunks
    while rest:
        slot = next(free)
        answer = pool.submit(_Child.annotate, slot, slots.put(slot, rest), line)
        waiting.append((slot, answer, source.compressed_bytes))
        line += rest.count(b"\n")
        if len(waiting) == most:
            yield _received(slots, *waiting.popleft())
        try:
            rest = source.read_chunk()
        except VcfJobsError as error:
            rest, damage = b"", error
    while waiting:
        yield _received(slots, *waiting.popleft())
    if damage is not None:
        raise damage


def _received(slots: SharedSlots, slot: int, answer: Future[Answer], compressed_bytes: int) -> Chunk:
    sent, report = answer.result()
    return Chunk(slots.take(slot, sent), [], report, compressed_bytes)


class _Child:
    """What a child process holds from its start on."""

    _annotator: ClassVar[RecordAnnotator | KernelAnnotator]
    _slots: ClassVar[SharedSlots]
    _bgzf: ClassVar[bool]

    @classmethod
    def start(cls, pure: RecordAnnotator, slots: SharedSlots, bgzf: bool) -> None:
        """Leave Ctrl-C to the parent, end with it, and prepare the work."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        Thread(target=_end_with_parent, daemon=True).start()
        cls._annotator = kernel.accelerated(pure)
        cls._slots = slots
        cls._bgzf = bgzf

    @classmethod
    def annotate(cls, slot: int, sent: Sent, first_line: int) -> Answer:
        """Replace the chunk in the slot by the annotated one, as BGZF blocks where they are asked for."""
        annotated = cls._annotator.annotate(cls._slots.take(slot, sent), first_line)
        data = _blocks(annotated.data) if cls._bgzf else annotated.data
        return cls._slots.put(slot, data), annotated.report


def _keep_freed_memory() -> None:
    """Let glibc reuse the memory of one chunk for the next: to fetch it anew takes a tenth of the time."""
    with suppress(AttributeError):  # another C library
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, 32 << 20)
        libc.mallopt(M_TRIM_THRESHOLD, 64 << 20)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _blocks(text: bytes) -> bytes:
    """Text as BGZF blocks, of which the last may be short."""
    blocks = io.BytesIO()
    writer = BgzfWriter(blocks)
    writer.write(text)
    writer.close_part()
    return blocks.getvalue()
