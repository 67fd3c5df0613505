"""Reports add up, stay small, and survive JSON."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vrs.small_vcf import HEADER, record, reference, run
from vcfjobs.vrs.vcf.options import Options
from vcfjobs.vrs.vcf.records import RecordAnnotator
from vcfjobs.vrs.vcf.report import BINS_KEPT, FAILURES_KEPT, NAMES_KEPT, Report, length_bin

kinds = st.sampled_from([("A", "C", 1), ("T", "TAA", 14), ("TG", "T", 5), ("G", "C", 1), ("A", "<DEL>", 1)])
lines = st.lists(st.tuples(kinds, st.sampled_from(["chr1", "chr2", "chr9"])), min_size=1, max_size=12)


def report_of(content: bytes) -> Report:
    annotator = RecordAnnotator(
        reference(chr1=b"ACGTTGCAAGGCTTAAAAAAAAACC", chr2=b"ACGTTGCAAGGCTTAAAAAAAAACC"), Options()
    )
    return annotator.annotate(content, 1).report


@given(lines=lines, cut=st.integers(0, 12))
def test_the_reports_of_parts_merge_to_the_report_of_the_whole(
    lines: list[tuple[tuple[str, str, int], str]], cut: int
) -> None:
    text = [record(ref, alt, pos, chrom=chrom) for (ref, alt, pos), chrom in lines]
    merged = Report()
    for part in (text[:cut], text[cut:]):
        merged.merge(report_of(b"".join(part)))
    assert merged.to_json() == report_of(b"".join(text)).to_json()


@given(lines=lines)
def test_a_report_comes_back_from_json(lines: list[tuple[tuple[str, str, int], str]]) -> None:
    report = report_of(b"".join(record(ref, alt, pos, chrom=chrom) for (ref, alt, pos), chrom in lines))
    assert Report.from_json(json.loads(json.dumps(report.to_json()))) == report


@pytest.mark.usefixtures("compiled_kernel")
@pytest.mark.parametrize("engine", ["pure", "compiled"])
@pytest.mark.parametrize(("for_ref", "expected"), [(True, 2), (False, 3)])
def test_a_record_is_without_identifiers_when_none_of_its_alleles_has_one(
    engine: str, for_ref: bool, expected: int
) -> None:
    from vcfjobs.vrs.kernel.annotator import KernelAnnotator

    pure = RecordAnnotator(reference(), Options(for_ref=for_ref))
    annotator = pure if engine == "pure" else KernelAnnotator(pure)
    wrong, unknown = record("T", "C"), record("A", "C", chrom="chrUn")
    symbolic, no_alt, some = record("A", "<DEL>"), record("A", "."), record("C", "<DEL>,A", 2)
    report = annotator.annotate(wrong + unknown + symbolic + no_alt + some, 1).report
    assert report.records_without_ids == expected


def test_a_report_of_a_release_that_did_not_count_them_still_says_how_many_have_none() -> None:
    members = report_of(record("T", "C") + record("A", "C", chrom="chrUn") + record("A", "C")).to_json()
    del members["records_without_ids"]
    assert Report.from_json(members).records_without_ids == 2


def test_the_report_of_a_file_names_the_version_of_its_identifiers() -> None:
    for content in (HEADER, HEADER + record("A", "C")):
        assert run(content, options=Options(vrs_version="2.1"))[2].vrs_version == "2.1"


def test_a_report_of_an_older_release_names_no_version() -> None:
    members = report_of(record("A", "C")).to_json()
    del members["vrs_version"]
    assert Report.from_json(members).vrs_version == ""


def test_a_report_stays_small_whatever_the_file_holds() -> None:
    rows = b"".join(record("A", "C", chrom=f"c{number}") for number in range(3 * NAMES_KEPT))
    wrong = record("T", "C") * (2 * FAILURES_KEPT)
    _, _, report = run(HEADER + wrong + rows)
    assert len(report.unknown_contigs) <= NAMES_KEPT + 1
    assert report.unknown_contigs.total() == 3 * NAMES_KEPT
    assert len(report.failures) == FAILURES_KEPT
    assert report.failed == {"reference_mismatch": 2 * FAILURES_KEPT}
    assert len(report.positions) <= NAMES_KEPT + 1


def test_a_file_of_many_contigs_costs_no_square_of_them() -> None:
    def cost(contigs: int) -> tuple[float, Report]:
        """Seconds of processor time for as many records as contigs, and their report."""
        rows = b"".join(record("A", "C", chrom=f"c{number}") for number in range(contigs))
        began = time.process_time()
        _, _, report = run(HEADER + record("A", "C") + rows)
        return time.process_time() - began, report

    few = min(cost(4_000)[0] for _ in range(3))
    many, report = cost(40_000)
    assert many < 30 * few  # ten times as many contigs; their square would cost a hundred times as much
    assert not report.sorted
    assert len(json.dumps(report.to_json())) < 2_000_000


def test_positions_beyond_any_contig_fall_into_one_last_bin() -> None:
    report = Report()
    report.count_positions("chr1", [number << 20 for number in range(2 * BINS_KEPT)])
    assert len(report.positions["chr1"]) <= BINS_KEPT
    assert report.positions["chr1"].total() == 2 * BINS_KEPT


def test_sorted_records_are_told_from_unsorted_ones() -> None:
    def is_sorted(*places: tuple[str, int]) -> bool:
        report = Report()
        for contig, position in places:
            part = Report()
            part.count_positions(contig, [position])
            report.merge(part)
        return report.sorted

    assert is_sorted(("a", 1), ("a", 1), ("b", 0))
    assert not is_sorted(("a", 2), ("a", 1))
    assert not is_sorted(("a", 1), ("b", 1), ("a", 2))


def test_lengths_are_exact_to_fifty_and_then_by_powers_of_two() -> None:
    assert [length_bin(size) for size in (1, 50, 51, 64, 100, 1000)] == [1, 50, 51, 64, 64, 512]
