"""The human builds whose contigs are published: which one an assembly's name means, and what is not of it."""

from __future__ import annotations

import re

from vcfjobs.vrs.sequences.accessions import CANONICAL, published

SYNONYMS = {"hg38": "GRCh38", "hg19": "GRCh37"}
_NAME = re.compile(r"(?:grch|hg|human_g1k_v|hs|b)(19|37|38)(?!\d)", re.IGNORECASE)
# UCSC's hg19 has an older chrM (NC_001807) than GRCh37's MT.
_OLD_MITOCHONDRION = ("GRCh37", 16_569, 16_571)


def build_of(assembly: str) -> str | None:
    """The build that an assembly's name means, whatever its case or patch level; None for all others."""
    named = _NAME.match(assembly)
    return None if named is None else "GRCh38" if named[1] == "38" else "GRCh37"


def foreign(build: str, contig: str, length: int, accessions: set[str]) -> str | None:
    """Why a contig with any of these accessions is not of the build, as a clause; None when it may be."""
    known = published(build, contig)
    if known is not None and length != known[0] and (build, known[0], length) != _OLD_MITOCHONDRION:
        same = [other for other in CANONICAL if (published(other, contig) or (0,))[0] == length]
        also = "".join(f" and {other}'s {length:,}" for other in same)
        return f"has {length:,} bases, {build}'s has {known[0]:,}{also}"
    own = {accession for _, accession in CANONICAL[build].values()}
    for other, table in CANONICAL.items():
        for name, (_, accession) in table.items():
            if accession in accessions - own:
                return f"is chromosome {name} of {other}"
    return None
