"""Everything that happens to the bytes of an upload, from the sniffer to the result, in one call."""

from __future__ import annotations

import io

from tests.vrs.kernel.comparison import outcome
from tests.vrs.small_vcf import reference
from vcfjobs.errors import VcfJobsError
from vcfjobs.vrs import kernel
from vcfjobs.vrs.bgzf.blocks import DamagedStreamError
from vcfjobs.vrs.vcf.annotate import annotate, check_head, read_header
from vcfjobs.vrs.vcf.ingest import ingest
from vcfjobs.vrs.vcf.lines import open_text
from vcfjobs.vrs.vcf.options import Options
from vcfjobs.vrs.vcf.records import RecordAnnotator
from vcfjobs.vrs.vcf.shards import cut, open_shard

# How hostile bytes may end: in our own errors.
EXPECTED = (VcfJobsError, DamagedStreamError)


def _compare_engines(data: bytes, options: Options) -> None:
    """The compiled kernel, where it is loaded, writes and counts what the pure engine does."""
    pure = RecordAnnotator(reference(), options)
    compiled = kernel.accelerated(pure)
    source = open_text(io.BytesIO(data))
    _, lines = read_header(source, options)
    assert outcome(compiled, lines) == outcome(pure, lines)


def go_the_whole_way(data: bytes) -> None:
    """Do to `data` what happens to a file from its submit on; raises what must not happen."""
    on = reference()
    for options in (Options(collect_alleles=True), Options(for_ref=False, add_vrs_attributes=True)):
        try:
            check_head(open_text(io.BytesIO(data)), on, options)
            written = b"".join(chunk.data for chunk in annotate(open_text(io.BytesIO(data)), on, options))
        except EXPECTED:
            continue
        _compare_engines(data, options)
        # What was written is annotated again to the same: every line was understood.
        again = b"".join(chunk.data for chunk in annotate(open_text(io.BytesIO(written)), on, options))
        assert again == written
    for validate in (True, False):
        try:
            for chunk in ingest(open_text(io.BytesIO(data)), on, validate=validate):
                assert chunk.report.records >= 0
        except EXPECTED:
            continue
    try:
        source = open_text(io.BytesIO(data))
        header, _ = read_header(source, None)
        kind = "bgzf" if source.format == "bgzf" else "plain"
        if source.format in ("vcf.gz", "bcf"):
            return
        whole = b"".join(iter(open_text(io.BytesIO(data)).read_chunk, b""))
        parts = [
            b"".join(iter(open_shard(io.BytesIO(data), kind, start, end).read_chunk, b""))
            for start, end in cut(io.BytesIO(data), kind, len(data), 64, len(header.data))
        ]
    except EXPECTED:
        return
    assert b"".join(parts) == whole
