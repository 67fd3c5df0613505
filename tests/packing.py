"""Bytes packed for the tests, the same each time: the header of a gzip file has no clock in it."""

from __future__ import annotations

import gzip
import io

from vcfjobs.vrs.bgzf.files import BgzfWriter


def gzipped(data: bytes) -> bytes:
    """One gzip member."""
    return gzip.compress(data, mtime=0)


def bgzf(data: bytes) -> bytes:
    """A BGZF file, with its end block."""
    sink = io.BytesIO()
    writer = BgzfWriter(sink)
    writer.write(data)
    writer.close()
    return sink.getvalue()
