"""Fully-justified normalisation: the corners, and that long repeats cost little."""

from __future__ import annotations

import time
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from vcfjobs.vrs import normalize as module
from vcfjobs.vrs.normalize import Normalized, Stretches, largest_subunit, normalize, roll_left, roll_right
from vcfjobs.vrs.sequences.flat_files import FlatSequence, Reference
from vcfjobs.vrs.vcf.options import Options
from vcfjobs.vrs.vcf.records import RecordAnnotator


def test_ref_equal_to_alt_is_a_reference_state_of_its_whole_length() -> None:
    assert normalize(b"ACGT", 1, b"CG", b"CG") == Normalized("reference", 1, 3, None, 2, 2)


def test_common_bases_are_trimmed_from_both_ends() -> None:
    assert normalize(b"TACGTT", 1, b"ACGT", b"ATTT") == Normalized("mnv", 2, 4, b"TT", None, None)


def test_a_deletion_at_the_contigs_start_is_not_rolled_below_zero() -> None:
    assert normalize(b"AAAT", 0, b"AA", b"A") == Normalized("deletion", 0, 3, None, 2, 1)


def test_an_insertion_at_the_contigs_end_is_not_rolled_past_it() -> None:
    assert normalize(b"TAA", 2, b"A", b"AA") == Normalized("insertion", 1, 3, None, 3, 1)


def test_an_insertion_that_does_not_roll_is_literal_between_two_bases() -> None:
    assert normalize(b"ACGT", 1, b"C", b"CT") == Normalized("insertion", 2, 2, b"T", None, None)


def test_an_insertion_that_rolls_by_less_than_a_subunit_is_an_expanded_literal() -> None:
    assert normalize(b"GGCAGG", 2, b"C", b"CATC") == Normalized("insertion", 2, 4, b"CATCA", None, None)


def test_two_inserted_into_nine_have_subunit_two_and_eleven_have_one() -> None:
    bases = b"T" + b"A" * 9 + b"C"
    assert normalize(bases, 0, b"T", b"TAA")[4:] == (11, 2)
    assert normalize(bases, 0, b"T", b"T" + b"A" * 11)[4:] == (20, 1)


def test_the_subunit_is_the_largest_divisor_that_repeats_and_fits() -> None:
    assert largest_subunit(b"ACACACAC", 8) == 8
    assert largest_subunit(b"ACACACAC", 7) == 4
    assert largest_subunit(b"ACACACAC", 3) == 2
    assert largest_subunit(b"ACACACAC", 1) is None


def test_rolling_counts_partial_repeats_on_both_sides() -> None:
    assert roll_right(b"XCAGCAGCAT", 1, b"CAG") == 8
    assert roll_left(b"TAGCAGCAGX", 9, b"CAG") == 8
    assert roll_left(b"", 0, b"A") == roll_right(b"", 0, b"A") == 0


def test_a_megabase_of_n_and_long_alleles_cost_milliseconds() -> None:
    bases = b"ACGT" + b"N" * 4_000_000 + b"ACGT"
    long = b"ACGTTGCA" * 100_000
    began = time.process_time()
    assert normalize(bases, 4, b"NN", b"N").end == 4_000_004
    assert normalize(bases, 0, b"A", b"A" + long).literal is not None
    assert time.process_time() - began < 2


def test_a_stretch_is_rolled_through_once_however_many_alleles_lie_in_it() -> None:
    bases = b"ACGT" + b"N" * 20_000_000 + b"ACGT" + b"N" * 20_000_000
    stretches = Stretches()
    began = time.process_time()
    for at in range(2_000):
        first = normalize(bases, 5_000_000 + at, b"N", b"NN", stretches)
        assert (first.start, first.end) == (4, 20_000_004)
        second = normalize(bases, 30_000_000 + at, b"NNN", b"N", stretches)
        assert (second.start, second.end) == (20_000_008, 40_000_008)
    assert time.process_time() - began < 2


def test_a_file_of_indels_in_one_stretch_takes_seconds() -> None:
    reference = Reference("x", {"1": FlatSequence.from_bytes(b"ACGT" + b"N" * 20_000_000 + b"ACGT")})
    annotator = RecordAnnotator(reference, Options())
    lines = b"".join(b"1\t%d\t.\tN\tNN\t.\t.\t.\n" % (9_000_000 + at) for at in range(2_000))
    began = time.process_time()
    assert annotator.annotate(lines, 1).report.alleles["insertion"] == 2_000
    assert time.process_time() - began < 2


@given(st.text("AN", max_size=30), st.lists(st.tuples(st.integers(0, 30), st.integers(-3, 3)), max_size=8))
def test_what_is_remembered_of_a_stretch_changes_no_allele(text: str, indels: list[tuple[int, int]]) -> None:
    bases, stretches = text.encode(), Stretches()
    with mock.patch.object(module, "LONG_STRETCH", 2):
        for at, size in indels:
            for letter in (b"A", b"N"):
                ref = bases[at : at + 1] + letter * -min(size, 0)
                alt = bases[at : at + 1] + letter * max(size, 0)
                if at < len(bases) and bases[at : at + len(ref)] == ref:
                    assert normalize(bases, at, ref, alt, stretches) == normalize(bases, at, ref, alt)


def test_long_alleles_with_many_divisors_cost_milliseconds() -> None:
    seed = b"A" * 7_207_199 + b"C"  # 288 divisors
    began = time.process_time()
    assert largest_subunit(seed, 7_207_199) is None
    assert largest_subunit(b"AC" * 3_603_600, 7_207_199) == 3_603_600
    assert time.process_time() - began < 1


def test_a_long_ref_with_many_alts_costs_milliseconds() -> None:
    ref = b"N" * 20_000_000
    began = time.process_time()
    for _ in range(500):
        assert normalize(ref, 0, ref, b"A").kind == "delins"
    assert time.process_time() - began < 1


@given(st.text("AC", min_size=1, max_size=24), st.integers(1, 24), st.integers(1, 4))
def test_the_subunit_is_what_trying_all_of_them_finds(text: str, longest: int, times: int) -> None:
    seed = text.encode() * times
    fits = [
        d
        for d in range(1, len(seed) + 1)
        if not len(seed) % d and d <= longest and seed[:d] * (len(seed) // d) == seed
    ]
    assert largest_subunit(seed, longest) == max(fits, default=None)
