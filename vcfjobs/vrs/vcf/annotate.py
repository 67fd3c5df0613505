"""Annotate a whole file: amend its header, annotate its records chunk by chunk, sum up the reports."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from vcfjobs.errors import InvalidVcfError, MalformedRecordError, RunFailureError
from vcfjobs.vrs import kernel
from vcfjobs.vrs.sequences.flat_files import Reference
from vcfjobs.vrs.vcf.alleles import MISMATCH, POSITION, AlleleRow
from vcfjobs.vrs.vcf.header import COLUMNS, Header, HeaderReader, missing_chrom_line
from vcfjobs.vrs.vcf.lines import TextSource, count_lines
from vcfjobs.vrs.vcf.options import Options
from vcfjobs.vrs.vcf.records import RecordAnnotator
from vcfjobs.vrs.vcf.report import Report

HEAD_RECORDS = 100
HEAD_BYTES = 1 << 18
CONTIGS_NAMED = 5


@dataclass(frozen=True, slots=True)
class Chunk:
    """Annotated bytes, their alleles, the report of this chunk only, and the bytes of input consumed."""

    data: bytes
    alleles: Collection[AlleleRow]
    report: Report
    compressed_bytes: int


@dataclass(frozen=True, slots=True)
class HeadCheck:
    """What the header and the first records say before a file is accepted."""

    records: int
    resolved: int
    mismatches: int
    annotated_by: str
    unknown_contigs: list[str] = field(default_factory=list)


def annotate(source: TextSource, reference: Reference, options: Options) -> Iterator[Chunk]:
    """Annotate a file as a stream: the header in the first chunk, then chunks of records in order.

    Raises InvalidVcfError for an invalid header, MalformedRecordError for a line that is not a record, and
    RunFailureError after the last chunk if no record is on a contig of the reference.
    """
    total = Report()
    for chunk in annotate_first_shard(source, reference, options):
        total.merge(chunk.report)
        yield chunk
    require_resolved(total, reference.assembly)


def annotate_first_shard(source: TextSource, reference: Reference, options: Options) -> Iterator[Chunk]:
    """Annotate the header and the records after it; none of these need be on a contig of the reference."""
    header, rest = read_header(source, options)
    report = Report(replaced=header.annotated_by, vrs_version=options.vrs_version)
    yield Chunk(header.data, [], report, source.compressed_bytes)
    yield from _annotate_records(source, rest, reference, options, header.lines + 1)


def annotate_later_shard(
    source: TextSource, reference: Reference, options: Options, first_line: int
) -> Iterator[Chunk]:
    """Annotate records without a header; the first is line `first_line` of the file (from 1)."""
    yield from _annotate_records(source, source.read_chunk(), reference, options, first_line)


def _annotate_records(
    source: TextSource, rest: bytes, reference: Reference, options: Options, line: int
) -> Iterator[Chunk]:
    annotator = kernel.accelerated(RecordAnnotator(reference, options))
    while rest:
        annotated = annotator.annotate(rest, line)
        line += count_lines(rest)
        yield Chunk(annotated.data, annotated.alleles, annotated.report, source.compressed_bytes)
        rest = source.read_chunk()


def check_head(
    source: TextSource, reference: Reference, options: Options, records: int = HEAD_RECORDS
) -> HeadCheck:
    """Check the header and the first `records` records of a file before it is accepted.

    Raises InvalidVcfError, which names the line, if either is malformed.
    """
    header, rest = read_header(source, options)
    lines = _first_lines(rest, records)
    try:
        report = RecordAnnotator(reference, options).annotate(b"".join(lines), header.lines + 1).report
    except MalformedRecordError as error:
        raise InvalidVcfError(error.sentence) from error
    return HeadCheck(
        records=report.records,
        resolved=report.resolved,
        mismatches=report.failed[MISMATCH] + report.failed[POSITION],
        annotated_by=header.annotated_by,
        unknown_contigs=list(report.unknown_contigs)[:CONTIGS_NAMED],
    )


def _first_lines(text: bytes, most: int) -> list[bytes]:
    """Up to `most` whole lines, at most HEAD_BYTES together; a longer first line without its samples.

    A first line that is too long even so is left to the worker: it takes several times its size to annotate.
    """
    lines: list[bytes] = []
    begin = 0
    while begin < len(text) and len(lines) < most:
        end = text.find(b"\n", begin) + 1 or len(text)
        if end > HEAD_BYTES:
            if not lines:
                without_samples = b"\t".join(text[:end].split(b"\t", COLUMNS)[:COLUMNS]) + b"\n"
                if len(without_samples) <= HEAD_BYTES:
                    lines.append(without_samples)
            break
        lines.append(text[begin:end])
        begin = end
    return lines


def read_header(source: TextSource, options: Options | None) -> tuple[Header, bytes]:
    """The header, amended if `options` are given, and the first bytes of the records (whole lines)."""
    reader = HeaderReader(options, longest=source.limits.max_header)
    while chunk := source.read_chunk():
        begin = 0
        while begin < len(chunk):
            end = chunk.find(b"\n", begin) + 1 or len(chunk)
            if header := reader.take(chunk[begin:end]):
                return header, chunk[end:] or source.read_chunk()
            begin = end
    raise missing_chrom_line()


def require_resolved(total: Report, assembly: str) -> None:
    """Raise RunFailureError if a file has records, but none on a contig of the assembly."""
    if not total.records or total.resolved:
        return
    named = ", ".join(list(total.unknown_contigs)[:CONTIGS_NAMED])
    raise RunFailureError(
        f"No record lies on a contig of {assembly}: the file names {named}. Is this the right assembly?"
    )
