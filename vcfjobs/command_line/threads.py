"""One file annotated by several threads: chunks go out, and what they become is yielded in their order.

The caller's thread reads, decompresses and cuts the file into chunks of whole lines; the others annotate and
compress them. The compiled kernel and igzip run without the interpreter's lock, so the threads work at the
same time; the pure engine holds it and gains nothing. A BGZF block ends where a chunk ends, so where blocks
end does not depend on the number of threads.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

from vcfjobs.errors import VcfJobsError
from vcfjobs.vrs import kernel
from vcfjobs.vrs.bgzf.files import BgzfWriter
from vcfjobs.vrs.sequences.flat_files import Reference
from vcfjobs.vrs.vcf.annotate import Chunk, annotate, read_header, require_resolved
from vcfjobs.vrs.vcf.lines import TextSource, count_lines
from vcfjobs.vrs.vcf.options import Options
from vcfjobs.vrs.vcf.records import RecordAnnotator
from vcfjobs.vrs.vcf.report import Report

# Chunks of about 1 MiB for each thread: one that it works on, and two that it takes next without waiting.
IN_FLIGHT = 3
# How long a thread that comes out of compiled code waits before it asks for the interpreter's lock. A core
# stands idle meanwhile; the default is fifty times as long.
SWITCH_SECONDS = 0.0001
# Parameters of mallopt, from glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


def annotate_by(
    threads: int, source: TextSource, reference: Reference, options: Options, *, bgzf: bool
) -> Generator[Chunk, None, None]:
    """Annotate a file as `annotate` does; with `bgzf`, the data of a chunk are BGZF blocks, no end block.

    Close the iterator, so that no thread goes on. Raises what `annotate` raises, for the same line.
    """
    _keep_freed_memory()
    if threads > 1:
        yield from _annotate_in_threads(threads, source, reference, options, bgzf=bgzf)
        return
    for chunk in annotate(source, reference, options):
        yield replace(chunk, data=_blocks(chunk.data)) if bgzf else chunk


def _annotate_in_threads(
    threads: int, source: TextSource, reference: Reference, options: Options, *, bgzf: bool
) -> Iterator[Chunk]:
    sys.setswitchinterval(SWITCH_SECONDS)
    header, rest = read_header(source, options)
    data = _blocks(header.data) if bgzf else header.data
    report = Report(replaced=header.annotated_by, vrs_version=options.vrs_version)
    yield Chunk(data, [], report, source.compressed_bytes)
    annotator = _Annotator(reference, options, bgzf=bgzf)
    pool = ThreadPoolExecutor(threads, "annotate")
    total = Report()
    try:
        for chunk in _in_order(pool, annotator, IN_FLIGHT * threads, source, rest, header.lines + 1):
            total.merge(chunk.report)
            yield chunk
    finally:
        pool.shutdown(cancel_futures=True)
    require_resolved(total, reference.assembly)


def _in_order(
    pool: ThreadPoolExecutor, annotator: _Annotator, most: int, source: TextSource, rest: bytes, line: int
) -> Iterator[Chunk]:
    """Send the file's chunks out, at most `most` at a time; `rest`, the first, begins in that line.

    An error of the reader is raised after the chunks before it, which may have an error of their own.
    """
    waiting: deque[Future[Chunk]] = deque()
    damage: VcfJobsError | None = None
    while rest:
        waiting.append(pool.submit(annotator.annotate, rest, line, source.compressed_bytes))
        line += count_lines(rest)
        if len(waiting) == most:
            yield waiting.popleft().result()
        try:
            rest = source.read_chunk()
        except VcfJobsError as error:
            rest, damage = b"", error
    while waiting:
        yield waiting.popleft().result()
    if damage is not None:
        raise damage


class _Annotator(threading.local):
    """Annotates chunks; each thread has one of its own, because it keeps arrays for the next chunk."""

    def __init__(self, reference: Reference, options: Options, *, bgzf: bool) -> None:
        self._annotator = kernel.accelerated(RecordAnnotator(reference, options))
        self._bgzf = bgzf

    def annotate(self, text: bytes, first_line: int, compressed_bytes: int) -> Chunk:
        """Annotate whole lines; the data are BGZF blocks where these are asked for."""
        annotated = self._annotator.annotate(text, first_line)
        data = _blocks(annotated.data) if self._bgzf else annotated.data
        return Chunk(data, [], annotated.report, compressed_bytes)


def _keep_freed_memory() -> None:
    """Let glibc reuse the memory of one chunk for the next: to fetch it anew takes a tenth of the time."""
    with suppress(AttributeError):  # another C library
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, 32 << 20)
        libc.mallopt(M_TRIM_THRESHOLD, 64 << 20)


class _Parts(list[bytes]):
    """Keeps what a BgzfWriter writes."""

    write = list.append


def _blocks(text: bytes) -> bytes:
    """Text as BGZF blocks, of which the last may be short."""
    parts = _Parts()
    writer = BgzfWriter(parts)
    writer.write(text)
    writer.close_part()
    return b"".join(parts)
