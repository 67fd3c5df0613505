"""Annotates chunks by compiled code; whatever that leaves aside is done by the pure engine.

The outcome is the pure engine's, byte for byte and count for count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from itertools import pairwise
from mmap import mmap
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vcfjobs.vrs.digests import ACCESSION
from vcfjobs.vrs.kernel import lines, messages, normalize, place, tables, write
from vcfjobs.vrs.kernel.compiled import Bytes, ByteTable, Integers, IntegerTable, WordTable
from vcfjobs.vrs.sequences.contigs import Contig
from vcfjobs.vrs.vcf.alleles import AlleleRow, ChunkAlleles
from vcfjobs.vrs.vcf.batch import AlleleBatch
from vcfjobs.vrs.vcf.header import COLUMNS
from vcfjobs.vrs.vcf.records import MOST_ALTS, Annotated, RecordAnnotator, too_many_alts
from vcfjobs.vrs.vcf.report import BIN_SHIFT, Report, length_bin

SHORT_STRETCH = 100
# Records on one contig in a row: below this mean, the calls cost more than compiled code saves.
SHORTEST_STRETCH, FEW_STRETCHES = 4, 100


class _Known(NamedTuple):
    """A contig as compiled code needs it: its number (-1: unknown to the assembly) and its residues."""

    number: int
    bases: Bytes
    contig: Contig | None


class _Placed(NamedTuple):
    """The alleles of a chunk: the arrays of `place`, and how many rows of each are filled."""

    records: IntegerTable
    stretches: Integers
    known: list[_Known]
    locations: IntegerTable
    alleles: IntegerTable
    residues: Bytes
    ends: Integers
    odd: Integers


class KernelAnnotator:
    """Annotates the chunks of one file, as RecordAnnotator does."""

    def __init__(self, pure: RecordAnnotator) -> None:
        self._pure = pure
        self._options = pure.options
        self._known: dict[bytes, _Known] = {}
        self._accessions: list[str] = []
        self._middles = np.empty((0, messages.MIDDLE_BYTES), np.uint8)
        self._workspace = messages.workspace()
        self._scratch: dict[str, NDArray[Any]] = {}

    def annotate(self, chunk: bytes, first_line: int) -> Annotated:
        """Annotate whole lines, of which the first is the file's line `first_line` (from 1).

        Raises MalformedRecordError naming the line of what is no record.
        """
        text = np.frombuffer(chunk, np.uint8)
        placed = self._place(chunk, text)
        if placed is None:
            return self._pure.annotate(chunk, first_line)
        report = self._report(chunk, placed)
        location_texts = self._words("location_texts", len(placed.locations), messages.TEXT_WORDS)
        messages.digest_locations(placed.locations, self._middles, location_texts, *self._workspace)
        digests = self._words("digests", len(placed.alleles), messages.DIGEST_WORDS)
        texts = self._words("texts", len(placed.alleles), messages.TEXT_WORDS)
        messages.digest_alleles(
            placed.alleles,
            location_texts,
            placed.residues,
            digests,
            texts,
            self._integers("classes", len(placed.alleles)),
            self._integers("order", len(placed.alleles)),
            *self._workspace,
        )
        odd_lines, odd_rows = self._annotate_odd(chunk, placed, report, first_line)
        data = self._write(text, placed, texts.view(np.uint8), odd_lines)
        collect = self._options.collect_alleles
        alleles: Collection[AlleleRow] = self._batch(placed, digests, odd_rows) if collect else []
        return Annotated(data, alleles, report)

    def _integers(self, name: str, rows: int, columns: int = 0) -> Integers:
        return self._array(name, rows, columns, np.int64)

    def _words(self, name: str, rows: int, columns: int) -> WordTable:
        return self._array(name, rows, columns, np.uint64)

    def _bytes(self, name: str, size: int) -> Bytes:
        return self._array(name, size, 0, np.uint8)

    def _array(self, name: str, rows: int, columns: int, kind: type[Any]) -> NDArray[Any]:
        """The first rows of an array that all chunks share: fresh memory costs more than most of the work."""
        array = self._scratch.get(name)
        if array is None or len(array) < rows:
            shape = (rows + rows // 4, columns) if columns else rows + rows // 4
            array = self._scratch[name] = np.empty(shape, kind)
        return array[:rows]

    def _place(self, chunk: bytes, text: Bytes) -> _Placed | None:
        """Split the chunk into records and place their alleles; None leaves the chunk to the pure engine."""
        most = text.size // lines.SHORTEST + 1
        records = self._integers("records", most, lines.COLUMNS)
        stretches, odd = self._integers("stretches", most), self._integers("odd", most)
        found = np.empty(4, np.int64)
        lines.split(text, text[: text.size & ~7].view(np.uint64), records, stretches, odd, found)
        count = int(found[lines.RECORDS])
        if found[lines.MALFORMED] or found[lines.STRETCHES] > count // SHORTEST_STRETCH + FEW_STRETCHES:
            return None
        firsts = [*stretches[: found[lines.STRETCHES]].tolist(), count]
        known = []
        for first in firsts[:-1]:
            begin, end = records[first, lines.BEGIN], records[first, lines.CHROM_END]
            contig = self._contig(chunk[begin:end])
            if contig is None:
                return None
            known.append(contig)
        attributes = self._options.add_vrs_attributes
        most = int(found[lines.ALLELES])
        locations = self._integers("locations", most, tables.LOCATION_COLUMNS)
        alleles = self._integers("alleles", most, tables.ALLELE_COLUMNS)
        residues = self._bytes(
            "residues", 2 * text.size + (normalize.LONGEST_SHOWN * most if attributes else 0)
        )
        cursors = np.zeros(3, np.int64)
        ends = self._integers("ends", count)
        for contig, (first, last) in zip(known, pairwise(firsts), strict=True):
            place.place(
                text,
                records,
                first,
                last,
                contig.bases,
                contig.number,
                self._options.for_ref,
                self._options.vrs_version == "2.1",
                attributes,
                locations,
                alleles,
                residues,
                cursors,
                ends,
                odd,
            )
        return _Placed(
            records[:count],
            np.array(firsts),
            known,
            locations[: cursors[tables.LOCATIONS]],
            alleles[: cursors[tables.ALLELES]],
            residues[: cursors[tables.RESIDUES]],
            ends,
            odd[:count],
        )

    def _contig(self, name: bytes) -> _Known | None:
        """The contig of that name; None where compiled code cannot take it, or it is no contig's name."""
        if (known := self._known.get(name)) is not None:
            return known
        if not name.decode("utf-8", "replace").isprintable():
            return None
        contig = self._pure.contigs.get(name)
        if contig is None:
            return _Known(-1, _residues(b""), None)
        if not isinstance(contig.bases, (bytes, mmap)) or not ACCESSION.fullmatch(contig.accession):
            return None
        known = _Known(len(self._accessions), _residues(contig.bases), contig)
        self._known[name] = known
        self._accessions.append(contig.accession)
        self._middles = np.concatenate([self._middles, messages.middle_of(contig.accession)[None, :]])
        return known

    def _report(self, chunk: bytes, placed: _Placed) -> Report:
        report = Report()
        starts = placed.records[:, lines.START]
        for contig, (first, last) in zip(placed.known, pairwise(placed.stretches.tolist()), strict=True):
            begin, end = placed.records[first, lines.BEGIN], placed.records[first, lines.CHROM_END]
            name = chunk[begin:end].decode("utf-8", "replace")
            report.records += last - first
            _count_positions(report, name, starts[first:last])
            if contig.contig is None:
                report.count_unknown(name, last - first)
            else:
                report.resolved += last - first
        kinds = np.zeros(tables.UNPLACED + 1, np.int64)
        insertions, deletions = np.zeros((2, place.LONGEST_ALLELE + 1), np.int64)
        report.records_without_ids = place.count(placed.alleles, placed.ends, kinds, insertions, deletions)
        counts = kinds.tolist()
        report.alleles.update(_named(tables.KINDS, counts))
        report.without_id.update(_named(tables.WITHOUT_ID, counts[len(tables.KINDS) :]))
        for sizes, lengths in (
            (insertions, report.insertion_lengths),
            (deletions, report.deletion_lengths),
        ):
            for size in np.flatnonzero(sizes).tolist():
                lengths[length_bin(size)] += int(sizes[size])
        return report

    def _annotate_odd(
        self, chunk: bytes, placed: _Placed, report: Report, first_line: int
    ) -> tuple[list[bytes], list[AlleleRow]]:
        """The lines that were left aside, annotated by the pure engine, and the rows of their alleles."""
        odd = np.flatnonzero(placed.odd).tolist()
        if not odd:
            return [], []
        records = ChunkAlleles(self._pure.assembly, report, self._options)
        stretch_of = np.searchsorted(placed.stretches, odd, side="right") - 1
        given: list[bytes] = []
        for number, stretch in zip(odd, stretch_of.tolist(), strict=True):
            begin, end = placed.records[number, lines.BEGIN], placed.records[number, lines.END]
            fields = chunk[begin:end].split(b"\t", COLUMNS)
            if fields[4].count(b",") >= MOST_ALTS:
                raise too_many_alts(first_line + chunk.count(b"\n", 0, begin))
            start = int(placed.records[number, lines.START])
            records.place(len(given), fields, start, placed.known[stretch].contig)
            given.append(b"")
        rows = records.write(given)
        return given, rows

    def _write(self, text: Bytes, placed: _Placed, texts: ByteTable, odd_lines: list[bytes]) -> bytes:
        size = text.size + len(placed.records) * write.RECORD_BYTES + len(placed.alleles) * write.ALLELE_BYTES
        if self._options.add_vrs_attributes:
            size += len(placed.residues)
        out = self._bytes("out", size + write.WIDTH)
        gaps = np.empty(len(odd_lines), np.int64)
        used = write.write(
            text,
            placed.records,
            len(placed.records),
            placed.ends,
            placed.odd,
            placed.alleles,
            texts,
            placed.residues,
            self._options.add_vrs_attributes,
            out,
            gaps,
        )
        if not odd_lines:
            return out[:used].tobytes()
        parts = [out[: gaps[0]].tobytes()]
        for line, (begin, end) in zip(odd_lines, pairwise([*gaps.tolist(), used]), strict=True):
            parts += [line, out[begin:end].tobytes()]
        return b"".join(parts)

    def _batch(self, placed: _Placed, digests: WordTable, rows: list[AlleleRow]) -> AlleleBatch:
        with_id = placed.alleles[:, tables.LOCATION] >= 0
        columns = placed.alleles[with_id, tables.CONTIG_OF : tables.SUBUNIT + 1]
        placed_here = AlleleBatch(
            digests[with_id].astype(">u8").view(np.uint8),
            columns,
            self._accessions,
            placed.residues.tobytes(),
        )
        return AlleleBatch.joined([placed_here, AlleleBatch.from_rows(rows)]) if rows else placed_here


def _named(names: tuple[str, ...], counts: list[int]) -> dict[str, int]:
    return {name: count for name, count in zip(names, counts, strict=False) if count}


def _count_positions(report: Report, name: str, starts: Integers) -> None:
    """As Report.count_positions, whose lists are faster for a few records."""
    if len(starts) < SHORT_STRETCH:
        report.count_positions(name, starts.tolist())
        return
    bins = starts >> BIN_SHIFT
    first = int(bins.min())
    counts = np.bincount(bins - first)
    in_order = bool((starts[1:] >= starts[:-1]).all())
    binned = Counter({first + k: int(counts[k]) for k in np.flatnonzero(counts).tolist()})
    report.count_stretch(name, int(starts[0]), int(starts[-1]), binned, in_order=in_order)


def _residues(bases: bytes | mmap) -> Bytes:
    residues = np.frombuffer(bases, np.uint8) if len(bases) else np.zeros(0, np.uint8)
    residues.flags.writeable = False
    return residues
