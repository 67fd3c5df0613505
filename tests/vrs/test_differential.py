"""Generated contigs and alleles: ours and the reference implementation's are the same, allele by allele."""

from __future__ import annotations

import random
from typing import Any

from ga4gh.core import ga4gh_identify
from ga4gh.vrs import models, normalize
from ga4gh.vrs.dataproxy import _DataProxy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.vrs.small_vcf import HEADER, run
from vcfjobs.vrs.sequences.flat_files import FlatSequence, Reference
from vcfjobs.vrs.vcf.options import Options

EXAMPLES = 250
ALLELES = 100
AT_LEAST = 20_000


class OneContig(_DataProxy):
    """The reference implementation's view of one contig."""

    def __init__(self, accession: str, bases: str) -> None:
        super().__init__()
        self._accession, self._bases = accession, bases

    def get_sequence(self, identifier: str, start: int | None = None, end: int | None = None) -> str:
        return self._bases[start:end]

    def get_metadata(self, identifier: str) -> dict[str, Any]:
        return {"length": len(self._bases), "aliases": [f"ga4gh:{self._accession}"], "alphabet": "ACGT"}


pieces = st.one_of(
    st.text("ACGT", min_size=1, max_size=12),
    st.tuples(st.text("ACGT", min_size=1, max_size=4), st.integers(2, 9)).map(lambda unit: unit[0] * unit[1]),
    st.text("NRYSWKM", min_size=1, max_size=4),
)
contigs = st.lists(pieces, min_size=1, max_size=12).map("".join)
compared = 0


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    database=None,
)
@given(bases=contigs, seed=st.integers(0, 2**32))
def compare(bases: str, seed: int) -> None:
    """One contig, and a hundred alleles on it, most of them in its repeats."""
    global compared
    draw = random.Random(seed)
    sequence = FlatSequence.from_bytes(bases.encode())
    proxy = OneContig(sequence.accession, bases)
    alleles = [_allele(bases, draw) for _ in range(ALLELES)]
    vcf = HEADER + b"".join(
        f"chr1\t{start + 1}\t.\t{ref}\t{alt}\t.\t.\t.\n".encode() for start, ref, alt in alleles
    )
    options = Options(for_ref=False, add_vrs_attributes=True)
    data, _, _ = run(vcf, Reference("X", {"chr1": sequence}), options)
    for line, (start, ref, alt) in zip(data.splitlines()[-ALLELES:], alleles, strict=True):
        info = dict(entry.split("=", 1) for entry in line.split(b"\t")[7].decode().split(";"))
        assert info == _theirs(proxy, sequence.accession, start, ref, alt), (bases, start, ref, alt)
    compared += len(alleles)


def _allele(bases: str, draw: random.Random) -> tuple[int, str, str]:
    start = draw.randrange(len(bases))
    end = min(len(bases), start + draw.choice((1, 1, 1, 2, 3, 6, 12)))
    ref = bases[start:end]
    kind = draw.random()
    if kind < 0.1:
        return start, ref, ref
    if kind < 0.4:  # an insertion of what stands beside
        return start, ref, ref + bases[end : end + draw.randrange(1, 8)] * draw.randrange(1, 3)
    if kind < 0.5:
        return start, ref, ref[:1]
    if kind < 0.6:
        return start, ref, ref[-1:]
    return start, ref, "".join(draw.choices("ACGTN", k=draw.randrange(1, 9)))


def _theirs(proxy: OneContig, accession: str, start: int, ref: str, alt: str) -> dict[str, str]:
    allele = models.Allele(
        location=models.SequenceLocation(
            sequenceReference=models.SequenceReference(refgetAccession=accession),
            start=start,
            end=start + len(ref),
        ),
        state=models.LiteralSequenceExpression(sequence=alt),
    )
    normal = normalize(allele, data_proxy=proxy, rle_seq_limit=50)
    state = normal.state
    shown = state.sequence.root if state.sequence is not None and state.sequence.root else "."
    is_literal = state.type == "LiteralSequenceExpression"
    return {
        "VRS_Allele_IDs": ga4gh_identify(normal),
        "VRS_Starts": str(normal.location.start),
        "VRS_Ends": str(normal.location.end),
        "VRS_States": shown,
        "VRS_Lengths": "." if is_literal else str(state.length),
        "VRS_RepeatSubunitLengths": "." if is_literal else str(state.repeatSubunitLength),
    }


def test_identifiers_coordinates_and_states_are_the_reference_implementations() -> None:
    compare()
    assert compared >= AT_LEAST
