"""The identifiers of a list that differ between VRS 2.0 and 2.1, as pairs, looked up in the registry."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

from vcfjobs.errors import BadRequestError
from vcfjobs.models import Allele
from vcfjobs.registry.search import digest_of
from vcfjobs.registry.translate import Translator
from vcfjobs.vrs.vcf.lines import TextSource

IDS_A_QUERY = 10_000
UNKNOWN_NAMED = 100

_IDENTIFIER = re.compile(rb"ga4gh:[A-Za-z]{1,10}\.[0-9A-Za-z_-]{32}")


class ListTranslation:
    """A text of VRS identifiers, one a line; the counts grow while `pairs` is read.

    `unknown` of the `identifiers` are not registered, the first of them are `named`. `undecided` are
    insertions whose reference is not registered any more.
    """

    def __init__(self, source: TextSource) -> None:
        self._source = source
        self._translator = Translator(longest_subunit=sys.maxsize)
        self.identifiers = 0
        self.unknown = 0
        self.named: list[str] = []
        self.undecided = 0

    def pairs(self) -> Iterator[list[tuple[str, str]]]:
        """The pairs (2.0, 2.1) of each part in the order of the list; one may come several times.

        Raises BadRequestError for a line that is no identifier, and at the end when none is registered.
        """
        line = 1
        while chunk := self._source.read_chunk():
            lines = chunk.split(b"\n")
            for begin in range(0, len(lines), IDS_A_QUERY):
                yield self._translate(_identifiers(lines[begin : begin + IDS_A_QUERY], line + begin))
            line += chunk.count(b"\n")
        if self.unknown == self.identifiers:
            raise BadRequestError(
                f"None of the {self.identifiers:,} identifiers is registered here."
                if self.identifiers
                else "The file holds no identifiers."
            )

    def _translate(self, identifiers: list[str]) -> list[tuple[str, str]]:
        wanted = {digest for identifier in identifiers if (digest := digest_of(identifier))}
        alleles = Allele.objects.filter(digest__in=wanted).select_related("sequence").defer("literal")
        known = {str(allele): allele for allele in alleles}
        pairs = []
        for identifier in identifiers:
            self.identifiers += 1
            if identifier not in known:
                self._count_unknown(identifier)
                continue
            ids = self._translator.ids_by_version(known[identifier])
            self.undecided += ids is None
            if ids:
                pairs.append((ids["2.0"], ids["2.1"]))
        return pairs

    def _count_unknown(self, identifier: str) -> None:
        self.unknown += 1
        if len(self.named) < UNKNOWN_NAMED:
            self.named.append(identifier)


def _identifiers(lines: list[bytes], first_line: int) -> list[str]:
    """Those of lines of which the first is the file's line `first_line`; empty lines are skipped."""
    found = []
    for number, line in enumerate(lines, first_line):
        text = line.strip()
        if text and not _IDENTIFIER.fullmatch(text):
            raise BadRequestError(
                f"Line {number} is not a VRS identifier (ga4gh:VA.…). The file is no VCF either: "
                "one begins with ##fileformat=VCF."
            )
        if text:
            found.append(text.decode())
    return found
