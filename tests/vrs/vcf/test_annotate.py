"""A whole file: header in, header out; what is no VCF; the look at the first records."""

from __future__ import annotations

import io

import pytest

from tests.vrs.small_vcf import HEADER, record, reference, run
from vcfjobs.errors import InvalidVcfError, RunFailureError
from vcfjobs.vrs.vcf.annotate import check_head
from vcfjobs.vrs.vcf.header import vrs_lines
from vcfjobs.vrs.vcf.lines import open_text
from vcfjobs.vrs.vcf.options import Options


def test_our_lines_stand_before_the_column_line_and_the_rest_stays() -> None:
    given = b'##fileformat=VCFv4.3\n##x=1\n##INFO=<ID=DP,Number=1,Type=Integer,Description="d">\n'
    data, _, _ = run(given + HEADER.splitlines(keepends=True)[1])
    lines = data.splitlines()
    assert b"\n".join(lines[:3]) + b"\n" == given
    assert lines[3:-1] == vrs_lines(Options(for_ref=True, add_vrs_attributes=False))
    assert lines[-1].startswith(b"#CHROM")


@pytest.mark.parametrize(("for_ref", "number"), [(True, "R"), (False, "A")])
def test_the_number_of_our_fields_says_whether_ref_is_among_them(for_ref: bool, number: str) -> None:
    lines = vrs_lines(Options(for_ref=for_ref, add_vrs_attributes=True))
    assert len(lines) == 7
    assert all(f"Number={number}".encode() in line for line in lines if b"VRS_Error" not in line)


def test_lines_of_an_earlier_annotation_are_replaced_and_its_tool_is_named() -> None:
    old = (
        b'##INFO=<ID=VRS_Allele_IDs,Number=R,Type=String,Description="x '
        b'[VRS version=2.0.0;VRS-Python version=2.1.5]">\n'
        b'##INFO=<ID=VRS_Error,Number=.,Type=String,Description="e">\n'
    )
    first, column = HEADER.splitlines(keepends=True)
    data, _, report = run(first + old + column + record("A", "C"))
    assert data.count(b"ID=VRS_Allele_IDs") == data.count(b"ID=VRS_Error") == 1
    assert report.replaced == "VRS-Python version=2.1.5, VRS 2.0.0"


def test_header_line_ends_stay_carriage_returns() -> None:
    data, _, _ = run(HEADER.replace(b"\n", b"\r\n"))
    assert data.count(b"\r\n") == data.count(b"\n")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"##fileformat=VCFv4.2\n", "no #CHROM line"),
        (b"##fileformat=VCFv4.2\nchr1\t1\t.\tA\tC\t.\t.\t.\n", "Line 2 comes before any #CHROM"),
        (b"##fileformat=VCFv4.2\n#CHROM\tPOS\n", "Line 2, #CHROM, has fewer than 8 columns"),
    ],
)
def test_a_header_that_is_none_is_refused_with_its_line(content: bytes, sentence: str) -> None:
    with pytest.raises(InvalidVcfError, match=sentence):
        run(content)


def test_a_file_without_records_is_a_file() -> None:
    data, _, report = run(HEADER)
    assert report.records == 0
    assert data.endswith(b"INFO\n")


def test_a_run_in_which_no_record_resolves_fails_and_names_the_contigs() -> None:
    with pytest.raises(RunFailureError, match=r"No record lies on a contig of X: the file names 7, 8\."):
        run(HEADER + record("A", "C", chrom="7") + record("A", "C", chrom="8"))


def test_the_look_at_the_head_counts_wrong_ref_bases() -> None:
    content = HEADER + record("G", "C") * 3 + record("A", "C") + record("A", "C", chrom="chr9")
    head = check_head(open_text(io.BytesIO(content)), reference(), Options())
    assert (head.records, head.resolved, head.mismatches, head.unknown_contigs) == (5, 4, 3, ["chr9"])


def test_the_look_at_the_head_refuses_a_malformed_record() -> None:
    with pytest.raises(InvalidVcfError, match="Line 3 "):
        check_head(open_text(io.BytesIO(HEADER + b"nonsense\n")), reference(), Options())


def test_a_header_of_a_million_lines_is_refused_in_little_memory() -> None:
    content = HEADER.replace(b"#CHROM", b"##a\n" * 1_000_001 + b"#CHROM")
    with pytest.raises(InvalidVcfError, match="more than 1,000,000 lines"):
        check_head(open_text(io.BytesIO(content)), reference(), Options())


def test_the_look_at_the_head_reads_no_more_than_it_needs() -> None:
    content = HEADER + record("A", ",".join(["C"] * 9_000)) * 100
    assert check_head(open_text(io.BytesIO(content)), reference(), Options()).records < 20


def test_the_look_at_the_head_takes_a_long_line_without_its_samples_or_not_at_all() -> None:
    column = HEADER.replace(b"INFO", b"INFO\tFORMAT\ts")
    samples = column + record("G", "C").rstrip() + b"\tGT" + b"\t0/1" * 100_000 + b"\n"
    head = check_head(open_text(io.BytesIO(samples)), reference(), Options())
    assert (head.records, head.mismatches) == (1, 1)
    alt = HEADER + record("A", "C" * 300_000) + record("A", "C")
    assert check_head(open_text(io.BytesIO(alt)), reference(), Options()).records == 0


def test_the_look_at_the_head_does_not_read_on() -> None:
    content = HEADER + record("A", "C") * 200 + b"nonsense\n"
    assert check_head(open_text(io.BytesIO(content)), reference(), Options()).records == 100
