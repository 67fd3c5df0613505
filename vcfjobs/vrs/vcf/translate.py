"""The identifiers of a VCF's alleles that differ between VRS 2.0 and 2.1, as pairs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vcfjobs.errors import RunFailureError
from vcfjobs.vrs import kernel
from vcfjobs.vrs.sequences.flat_files import Reference
from vcfjobs.vrs.vcf.annotate import read_header, require_resolved
from vcfjobs.vrs.vcf.header import COLUMNS
from vcfjobs.vrs.vcf.info import MISSING
from vcfjobs.vrs.vcf.ingest import has_ref_ids
from vcfjobs.vrs.vcf.lines import TextSource
from vcfjobs.vrs.vcf.options import Options
from vcfjobs.vrs.vcf.records import RecordAnnotator
from vcfjobs.vrs.vcf.report import Report

_IDS = re.compile(rb"(?:^|;)VRS_Allele_IDs=([^;\r]*)")


class VcfTranslation:
    """A VCF annotated under both versions beside each other; the counts grow while `pairs` is read.

    `identifiers` are those that the file came with, `of_neither` those among them that REF and ALT give
    under neither version: of VRS 1.3, of another assembly, or wrong.
    """

    def __init__(self, source: TextSource, reference: Reference) -> None:
        self._source = source
        self._reference = reference
        self.report = Report()
        self.identifiers = 0
        self.of_neither = 0

    def pairs(self) -> Iterator[list[tuple[str, str]]]:
        """The pairs (2.0, 2.1) of each chunk in the order of the file; one may come several times.

        Raises as `annotate` does, and RunFailureError after the last chunk when every identifier that the
        file came with is of neither version.
        """
        header, records = read_header(self._source, None)
        older, newer = (
            kernel.accelerated(RecordAnnotator(self._reference, options))
            for options in _options(for_ref=has_ref_ids(header.data))
        )
        line = header.lines + 1
        while records:
            under_2_0 = older.annotate(records, line)
            under_2_1 = newer.annotate(records, line)
            self.report.merge(under_2_0.report)
            yield self._compare(records, under_2_0.data, under_2_1.data)
            line += records.count(b"\n")
            records = self._source.read_chunk()
        self._require_some()

    def _compare(self, records: bytes, under_2_0: bytes, under_2_1: bytes) -> list[tuple[str, str]]:
        pairs = []
        texts = (text.split(b"\n") for text in (records, under_2_0, under_2_1))
        for given, older, newer in zip(*texts, strict=True):
            if not given.strip(b"\r"):
                continue
            ids = _ids(older)
            others = ids if newer == older else _ids(newer)
            pairs += [
                (one.decode(), other.decode()) for one, other in zip(ids, others, strict=True) if one != other
            ]
            self._check(_ids(given), ids, others)
        return pairs

    def _check(self, given: list[bytes], ids: list[bytes], others: list[bytes]) -> None:
        """Count the identifiers that came with a record."""
        if given in (ids, others):
            self.identifiers += len(given) - given.count(MISSING)
            return
        for number, identifier in enumerate(given):
            if identifier != MISSING:
                self.identifiers += 1
                self.of_neither += identifier not in (*ids[number : number + 1], *others[number : number + 1])

    def _require_some(self) -> None:
        assembly = self._reference.assembly
        require_resolved(self.report, assembly)
        if self.identifiers and self.of_neither == self.identifiers:
            raise RunFailureError(
                f"None of the file's {self.identifiers:,} identifiers is that of its allele on {assembly} "
                "under VRS 2.0 or 2.1. Is this the right assembly?"
            )


def _options(*, for_ref: bool) -> tuple[Options, Options]:
    return Options(for_ref=for_ref, vrs_version="2.0"), Options(for_ref=for_ref, vrs_version="2.1")


def _ids(line: bytes) -> list[bytes]:
    """The identifiers of a record, one an allele; none where it has no such field."""
    found = _IDS.search(line.split(b"\t", COLUMNS)[7])
    return found[1].split(b",") if found else []
