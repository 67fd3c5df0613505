"""The identifier of an allele under the other version, against normalising anew and a plain oracle."""

from __future__ import annotations

import random
import time

import pytest

from tests.vrs.test_versions import Oracle, drawn, identifier, oracle, reference_length, repetitive
from vcfjobs.vrs.normalize import Normalized, normalize
from vcfjobs.vrs.translate import ids_by_version, may_differ
from vcfjobs.vrs.versions import VrsVersion

ACCESSION = "SQ." + "a" * 32
VERSIONS: tuple[VrsVersion, ...] = ("2.0", "2.1")
INSERTIONS = 20_000


def translated(bases: bytes, allele: Normalized) -> dict[VrsVersion, str]:
    """What the columns of an allele and the bases of its repeat subunit give."""
    _, start, end, _, length, subunit = allele
    if not may_differ(start, end, length, subunit):
        return {}
    assert length is not None
    assert subunit is not None
    return ids_by_version(ACCESSION, start, end, length, bases[start : start + subunit])


def expected(bases: str, start: int, ref: str, alt: str) -> dict[VrsVersion, str]:
    """The oracle's identifiers where these differ."""
    ids = {version: identifier(ACCESSION, oracle(bases, start, ref, alt, version)) for version in VERSIONS}
    return ids if len(set(ids.values())) == 2 else {}


def inserted(bases: str, draw: random.Random) -> tuple[int, str, str]:
    """An insertion at a base: mostly of what stands beside it, in part or a few times over."""
    start = draw.randrange(len(bases))
    beside = bases[start + 1 : start + 1 + draw.randint(1, 12)]
    drawn_anew = "".join(draw.choices("ACGT", k=draw.randint(1, 6)))
    unit = beside if beside and draw.random() < 0.8 else drawn_anew
    return start, bases[start], bases[start] + unit * draw.choice((1, 1, 2, 3, 4, 6, 12))


def test_the_other_identifier_of_twenty_thousand_insertions_is_that_of_normalising_anew() -> None:
    draw = random.Random(20)
    differing = 0
    for number in range(INSERTIONS):
        if number % 50 == 0:
            bases = repetitive(draw)
        start, ref, alt = inserted(bases, draw)
        wanted = expected(bases, start, ref, alt)
        for version in VERSIONS:
            own = normalize(bases.encode(), start, ref.encode(), alt.encode(), vrs_version=version)
            assert own.kind == "insertion"
            assert translated(bases.encode(), own) == wanted, (bases, start, ref, alt, version)
        differing += bool(wanted)
    assert differing > INSERTIONS // 10


def test_what_is_no_insertion_has_one_identifier() -> None:
    draw = random.Random(21)
    kinds = set()
    for number in range(INSERTIONS):
        if number % 50 == 0:
            bases = repetitive(draw)
        start, ref, alt = drawn(bases, draw)
        if number % 4 == 0:
            alt = ref
        own = normalize(bases.encode(), start, ref.encode(), alt.encode())
        if own.kind != "insertion":
            kinds.add(own.kind)
            assert not expected(bases, start, ref, alt)
            assert not translated(bases.encode(), own)
    assert kinds == {"reference", "snv", "mnv", "delins", "deletion"}


def test_the_two_inserted_into_nine_have_subunits_two_and_one() -> None:
    bases = b"T" + b"A" * 9 + b"C"
    assert translated(bases, normalize(bases, 0, b"T", b"TAA")) == {
        "2.0": identifier(ACCESSION, Oracle(1, 10, reference_length(11, 2))),
        "2.1": identifier(ACCESSION, Oracle(1, 10, reference_length(11, 1))),
    }


@pytest.mark.parametrize(
    ("length", "subunit"),
    [(None, None), (9, 9), (7, 2), (0, 9), (11, 0), (11, 4), (30, 21)],
    ids=["literal", "reference", "deletion", "all deleted", "no subunit", "no whole repeats", "too long"],
)
def test_a_form_that_no_ambiguous_insertion_has_cannot_differ(
    length: int | None, subunit: int | None
) -> None:
    assert not may_differ(1, 10, length, subunit)


def test_an_allele_that_neither_version_would_write_has_no_other_identifier() -> None:
    assert ids_by_version(ACCESSION, 1, 17, 24, b"AA") == {}  # 8 in 2.0, 1 in 2.1


def test_a_subunit_of_a_megabase_costs_milliseconds() -> None:
    began = time.process_time()
    unit = b"AC" * 500_000
    assert len(ids_by_version(ACCESSION, 0, 1_500_000, 2_500_000, unit)) == 2
    assert ids_by_version(ACCESSION, 0, 1_500_000, 2_500_000, b"A" * 999_999 + b"C") == {}
    assert time.process_time() - began < 1
