"""Fully-justified normalisation: the corners, and that long repeats cost little."""

from __future__ import annotations

import time

from vcfjobs.vrs.normalize import Normalized, normalize, repeat_subunit, roll_left, roll_right


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
    assert repeat_subunit(b"ACACACAC", 8) == 8
    assert repeat_subunit(b"ACACACAC", 7) == 4
    assert repeat_subunit(b"ACACACAC", 3) == 2
    assert repeat_subunit(b"ACACACAC", 1) is None


def test_rolling_counts_partial_repeats_on_both_sides() -> None:
    assert roll_right(b"XCAGCAGCAT", 1, b"CAG") == 8
    assert roll_left(b"TAGCAGCAGX", 9, b"CAG") == 8
    assert roll_left(b"", 0, b"A") == roll_right(b"", 0, b"A") == 0


def test_a_megabase_of_n_and_long_alleles_cost_milliseconds() -> None:
    bases = b"ACGT" + b"N" * 4_000_000 + b"ACGT"
    long = b"ACGTTGCA" * 100_000
    began = time.perf_counter()
    assert normalize(bases, 4, b"NN", b"N").end == 4_000_004
    assert normalize(bases, 0, b"A", b"A" + long).literal is not None
    assert time.perf_counter() - began < 2
