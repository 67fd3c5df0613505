"""Records that change one base, most of any file: column by column, for comprehensions outrun loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vcfjobs.vrs.digests import ALLELE_OPEN, literal_state, raw_digests, reference_length_state, texts
from vcfjobs.vrs.vcf.header import COLUMNS
from vcfjobs.vrs.vcf.info import MISSING, one_base_template

BASES = frozenset((b"A", b"C", b"G", b"T"))

# digest (24 bytes), accession, start, end, literal, length, repeat subunit length. A plain tuple: a named
# one takes half as long again to make, 4 % of the engine's time.
AlleleRow = tuple[bytes, str, int, int, "str | None", "int | None", "int | None"]
DIGEST: Final = 0
LITERAL: Final = 4
Put = Callable[[list[bytes], bytes], bytes]

_KEPT = reference_length_state(1, 1)
_CHANGED = {base: literal_state(base) for base in BASES}
_TEXT = {base: base.decode() for base in BASES}
_TEMPLATES = {
    (for_ref, attributes): one_base_template(for_ref=for_ref, attributes=attributes)
    for for_ref in (True, False)
    for attributes in (True, False)
}


class OneBaseRecords:
    """The columns of one chunk: line number, fields, start (from 0), location, accession of each record."""

    def __init__(self) -> None:
        self.lines: list[int] = []
        self.fields: list[list[bytes]] = []
        self.starts: list[int] = []
        self.locations: list[bytes] = []
        self.accessions: list[str] = []

    def write(
        self,
        lines: list[bytes],
        put: Put | None,
        *,
        for_ref: bool,
        attributes: bool,
        collect: bool,
    ) -> list[AlleleRow]:
        """Write the annotated records into `lines`; the rows of their alleles where these are collected.

        `put` joins a record's fields and its new ones; None where INFO can simply be appended to.
        """
        locations = texts(raw_digests(self.locations))
        alts = [fields[4] for fields in self.fields]
        kept = raw_digests([ALLELE_OPEN + at + _KEPT for at in locations]) if for_ref else []
        changed = raw_digests(
            [ALLELE_OPEN + at + _CHANGED[alt] for at, alt in zip(locations, alts, strict=True)]
        )
        new = self._new(texts(kept), texts(changed), alts, for_ref=for_ref, attributes=attributes)
        for number, fields, text in zip(self.lines, self.fields, new, strict=True):
            if put is not None:
                lines[number] = put(fields, text)
            elif len(fields) == COLUMNS and fields[7] != MISSING:
                lines[number] += b";" + text
            else:
                info = fields[7]
                fields[7] = info + b";" + text if info != MISSING else text
                lines[number] = b"\t".join(fields)
        return self._rows(kept, changed, alts) if collect else []

    def _new(
        self,
        kept: list[bytes],
        changed: list[bytes],
        alts: list[bytes],
        *,
        for_ref: bool,
        attributes: bool,
    ) -> list[bytes]:
        template = _TEMPLATES[for_ref, attributes]
        starts = self.starts
        if for_ref and attributes:
            return [
                template % (ref_id, alt_id, start, start, start + 1, start + 1, fields[3], fields[4])
                for ref_id, alt_id, start, fields in zip(kept, changed, starts, self.fields, strict=True)
            ]
        if for_ref:
            return [template % ids for ids in zip(kept, changed, strict=True)]
        if attributes:
            return [
                template % (alt_id, start, start + 1, alt)
                for alt_id, start, alt in zip(changed, starts, alts, strict=True)
            ]
        return [template % alt_id for alt_id in changed]

    def _rows(self, kept: list[bytes], changed: list[bytes], alts: list[bytes]) -> list[AlleleRow]:
        places = list(zip(self.accessions, self.starts, strict=True))
        rows: list[AlleleRow] = [
            (digest, accession, start, start + 1, _TEXT[alt], None, None)
            for digest, (accession, start), alt in zip(changed, places, alts, strict=True)
        ]
        if kept:
            rows += [
                (digest, accession, start, start + 1, None, 1, 1)
                for digest, (accession, start) in zip(kept, places, strict=True)
            ]
        return rows
