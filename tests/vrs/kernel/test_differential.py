"""The compiled kernel gives what the pure engine gives, whatever stands in the lines."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vrs import generated
from tests.vrs.kernel.comparison import OPTIONS, BothEngines
from tests.vrs.small_vcf import SEQUENCE, record, reference
from tests.vrs.test_real_files import SPECIFICATION, VCFS, plain_text, reference_of
from vcfjobs.vrs.kernel.annotator import KernelAnnotator
from vcfjobs.vrs.sequences.flat_files import FlatSequence, Reference
from vcfjobs.vrs.vcf.records import RecordAnnotator

pytestmark = pytest.mark.usefixtures("compiled_kernel")

RECORDS_OF_A_CHUNK = 500
# All that can be written and collected, under 2.0; identifiers of ALT alone, under 2.1.
MOST_AND_LEAST = (0, 15)


def compare_generated(seed: int, chunks: int) -> None:
    """One reference, and chunks on it, each under one more combination of options."""
    draw = random.Random(seed)
    on = generated.reference(draw)
    engines = BothEngines(on)
    for number in range(chunks):
        engines.compare(generated.lines(draw, on, RECORDS_OF_A_CHUNK), number % len(OPTIONS))


@pytest.mark.parametrize("seed", range(2))
def test_generated_records_are_the_pure_engines(seed: int) -> None:
    compare_generated(seed, chunks=len(OPTIONS))


@pytest.mark.slow
def test_a_million_generated_records_are_the_pure_engines() -> None:
    for seed in range(100, 225):
        compare_generated(seed, chunks=len(OPTIONS))


def test_hardly_a_generated_record_is_left_to_the_pure_engine() -> None:
    draw = random.Random(5)
    on = generated.reference(draw)
    annotator = KernelAnnotator(RecordAnnotator(on, OPTIONS[0]))
    lines = generated.lines(draw, on, 5_000).replace(b"\r", b"")
    placed = annotator._place(lines, np.frombuffer(lines, np.uint8))
    assert placed is not None
    # Wrong REFs, long alleles, long repeats, older fields: many more of them than in any real file.
    assert 0 < placed.odd.sum() < 1_250


def test_contigs_that_change_with_each_record_are_left_to_the_pure_engine() -> None:
    """A call for each of them would take three times as long."""
    on = reference(chr1=SEQUENCE, chr2=SEQUENCE)
    annotator = KernelAnnotator(RecordAnnotator(on, OPTIONS[0]))
    in_turn = b"".join(record("A", "C", chrom=f"chr{number % 3}") for number in range(1_000))
    in_blocks = b"".join(record("A", "C", chrom=f"chr{number // 10 % 3}") for number in range(1_000))
    assert annotator._place(in_turn, np.frombuffer(in_turn, np.uint8)) is None
    assert annotator._place(in_blocks, np.frombuffer(in_blocks, np.uint8)) is not None
    BothEngines(on).compare(in_turn)
    BothEngines(on).compare(in_blocks)


columns = st.one_of(
    st.sampled_from(
        ["chr1", "1", ".", "A", "C", "AC", "T,G", "*", "<DEL>", "G[chr1:2[", "", "DP=1", "VRS_Ends=3"]
    ),
    st.text("ACGTNacgt,.*<>[]", max_size=6),
    st.text(max_size=3),
)
positions = st.one_of(
    st.integers(0, 60).map(str),
    st.sampled_from(
        ["0", "-1", "+3", "1_0", " 5", "007", "1099511627776", "1099511627777", "99999999999999", "x"]
    ),
)
record_lines = st.builds(
    lambda chrom, pos, rest: "\t".join([chrom, pos, *rest]),
    st.sampled_from(["chr1", "chr1", "chr1", "chr2", "", "a b", "\x07"]),
    positions,
    st.lists(columns, min_size=4, max_size=9),
)
anything = st.lists(st.one_of(record_lines, record_lines, st.sampled_from(["", "\r", " ", "#x"])), max_size=8)


@settings(max_examples=300, deadline=None)
@given(lines=anything, combination=st.integers(0, len(OPTIONS) - 1))
def test_any_lines_end_as_in_the_pure_engine(lines: list[str], combination: int) -> None:
    BothEngines(reference()).compare("\n".join(lines).encode("utf-8", "replace"), combination)


@settings(max_examples=300, deadline=None)
@given(
    bases=st.lists(
        st.tuples(st.text("ACGTN", min_size=1, max_size=4), st.integers(1, 9)), min_size=1, max_size=12
    ),
    alleles=st.lists(
        st.tuples(st.integers(0, 99), st.integers(1, 12), st.text("ACGTN", min_size=1, max_size=14))
    ),
    combination=st.integers(0, len(OPTIONS) - 1),
)
def test_any_alleles_in_repeats_are_the_pure_engines(
    bases: list[tuple[str, int]], alleles: list[tuple[int, int, str]], combination: int
) -> None:
    contig = "".join(unit * times for unit, times in bases)
    on = Reference("X", {"chr1": FlatSequence.from_bytes(contig.encode())})
    lines = []
    for at, size, alt in alleles:
        start = at % len(contig)
        ref = contig[start : start + size]
        lines.append(f"chr1\t{start + 1}\t.\t{ref}\t{alt},{ref[0]}{alt},{ref}{ref}\t.\t.\t.\n")
    BothEngines(on).compare("".join(lines).encode(), combination)


def records_of(text: bytes) -> bytes:
    begin = text.rfind(b"\n#CHROM")
    return text[text.find(b"\n", begin + 1) + 1 :]


real_files = pytest.mark.parametrize("vcf", VCFS, ids=lambda path: f"{path.parent.name}/{path.name}")


@real_files
def test_a_real_file_comes_out_as_from_the_pure_engine(vcf: Path, shared: Path) -> None:
    BothEngines(reference_of(vcf)).compare(records_of(plain_text(vcf)), *MOST_AND_LEAST)


@pytest.mark.slow
@real_files
def test_a_real_file_comes_out_as_from_the_pure_engine_under_all_options(vcf: Path, shared: Path) -> None:
    BothEngines(reference_of(vcf)).compare(records_of(plain_text(vcf)))


def test_the_specifications_files_end_as_in_the_pure_engine(shared: Path) -> None:
    on = Reference("none", {name: FlatSequence.from_bytes(b"ACGT" * 50) for name in ("1", "20", "chr1")})
    engines = BothEngines(on)
    for vcf in SPECIFICATION:
        engines.compare(records_of(vcf.read_bytes()), *MOST_AND_LEAST)
    assert SPECIFICATION


@pytest.mark.parametrize(
    "size", [1, 57, 58, 59, 60, 61, 62, 110, 117, 118, 119, 200, 245, 246, 999, 1_000, 1_001]
)
def test_a_literal_of_any_size_is_digested(size: int) -> None:
    line = b"chr1\t5\t.\tT\t%b\t.\t.\t.\n" % (b"ACGGT" * size)[:size]
    BothEngines(reference()).compare(line)
    BothEngines(reference()).compare(line * 130)


@pytest.mark.parametrize("count", [1, 127, 128, 129, 1_000])
def test_any_number_of_records_fits_into_the_lanes(count: int) -> None:
    lines = b"".join(
        b"chr1\t%d\t.\t%c\tAC,T\t.\t.\tX\n" % (at % 9 + 1, b"ACGTTGCAA"[at % 9]) for at in range(count)
    )
    BothEngines(reference()).compare(lines)


@pytest.mark.parametrize("position", [9, 10, 99, 100, 99_999, 100_000, 999_999])
def test_coordinates_of_any_number_of_digits_are_digested(position: int) -> None:
    on = Reference("X", {"chr1": FlatSequence.from_bytes(b"ACGT" * 250_001)})
    lines = b"".join(
        b"chr1\t%d\t.\t%c\tN\t.\t.\tX\n" % (at, b"TACG"[at % 4]) for at in range(position, position + 3)
    )
    BothEngines(on).compare(lines)
