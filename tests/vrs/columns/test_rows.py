"""The rows: one for each allele of each record, with what INFO says of it."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import pysam
import pytest

from tests.vrs.columns.tables import VCF, WITH_ATTRIBUTES, annotated, rows_of
from tests.vrs.small_vcf import HEADER, SEQUENCE, fields, record
from vcfjobs.vrs.columns import rows
from vcfjobs.vrs.columns.rows import NAMES, RowReader
from vcfjobs.vrs.sequences.fasta import read_fasta
from vcfjobs.vrs.sequences.flat_files import FlatSequence, Reference
from vcfjobs.vrs.vcf.annotate import annotate
from vcfjobs.vrs.vcf.lines import open_text
from vcfjobs.vrs.vcf.options import Options

IDS = HEADER.replace(b"#CHROM", b'##INFO=<ID=VRS_Allele_IDs,Number=R,Type=String,Description="x">\n#CHROM')


def test_ref_comes_first_and_then_each_alt_in_order() -> None:
    found = rows_of(annotated(HEADER + record("A", "C,G", 1)))
    assert [(row["alt"], row["allele_index"]) for row in found] == [("A", "0"), ("C", "1"), ("G", "2")]
    assert {(row["chrom"], row["pos"], row["id"], row["ref"]) for row in found} == {("chr1", "1", "", "A")}


def test_the_columns_of_a_row_are_the_allele_s_elements_of_the_fields() -> None:
    text = annotated(HEADER + record("T", "TAAA", 14))
    info = fields(text.splitlines()[-1].split(b"\t")[7].decode())
    ref, alt = rows_of(text)
    assert [ref["vrs_id"], alt["vrs_id"]] == info["VRS_Allele_IDs"].split(",")
    assert (ref["start"], ref["end"], ref["state"], ref["length"], ref["subunit"]) == (
        "13",
        "14",
        "T",
        "1",
        "1",
    )
    assert SEQUENCE[14:23] == b"A" * 9
    assert (alt["start"], alt["end"], alt["state"]) == ("14", "23", "A" * 12)
    assert (alt["length"], alt["subunit"]) == ("12", "3")


def test_a_literal_state_has_no_length_and_no_subunit() -> None:
    alt = rows_of(annotated(HEADER + record("A", "C", 1)))[1]
    assert (alt["state"], alt["length"], alt["subunit"]) == ("C", "", "")


def test_without_attributes_their_columns_are_empty() -> None:
    for row in rows_of(annotated(HEADER + record("A", "C", 1), Options())):
        assert row["vrs_id"].startswith("ga4gh:VA.")
        assert [row[name] for name in ("start", "end", "state", "length", "subunit")] == [""] * 5


def test_without_ref_identifiers_the_row_of_ref_has_none_and_those_of_alts_keep_theirs() -> None:
    both = rows_of(annotated(HEADER + record("A", "C,G", 1)))
    alts = rows_of(annotated(HEADER + record("A", "C,G", 1), Options(for_ref=False, add_vrs_attributes=True)))
    assert (alts[0]["vrs_id"], alts[0]["start"], alts[0]["state"]) == ("", "", "")
    assert alts[1:] == both[1:]


def test_an_allele_without_identifier_has_a_row_without_one() -> None:
    found = rows_of(annotated(HEADER + record("C", "<DEL>,*,G", 2)))
    assert [row["alt"] for row in found] == ["C", "<DEL>", "*", "G"]
    assert [bool(row["vrs_id"]) for row in found] == [True, False, False, True]


def test_a_record_without_alt_has_the_row_of_its_ref_alone() -> None:
    (row,) = rows_of(annotated(HEADER + record("G", ".", 3)))
    assert (row["ref"], row["alt"], row["allele_index"]) == ("G", "G", "0")
    assert row["vrs_id"]


def test_every_allele_of_a_wrong_record_says_why_in_plain_text() -> None:
    for row in rows_of(annotated(HEADER + record("A", "C", 2))):
        assert row["vrs_id"] == ""
        assert row["error"].startswith("Reference mismatch at X:chr1 position 1-2 (input gave 'A'")


def test_what_the_error_escapes_is_written_out() -> None:
    info = "VRS_Error=50%25 of a%2Cb%3B c%3Dd%09e"
    assert rows_of(IDS + record("A", "C", info=info))[0]["error"] == "50% of a,b; c=d\te"


@pytest.mark.parametrize(
    "info", ["DP=3;{}", "MY_VRS_Starts=9,9;{}", "{};DP=3", "VRS_Own;{}", "VRS_Own=1,2;{}"]
)
def test_fields_are_found_wherever_they_stand_in_info(info: str) -> None:
    ours = "VRS_Starts=0,0;VRS_Allele_IDs=ga4gh:VA.x,ga4gh:VA.y"
    ref, alt = rows_of(IDS + record("A", "C", info=info.format(ours)))
    assert [(ref["vrs_id"], ref["start"]), (alt["vrs_id"], alt["start"])] == [
        ("ga4gh:VA.x", "0"),
        ("ga4gh:VA.y", "0"),
    ]


def test_a_field_that_is_too_short_leaves_the_last_alleles_empty() -> None:
    found = rows_of(IDS + record("A", "C,G", info="VRS_Allele_IDs=ga4gh:VA.x"))
    assert [row["vrs_id"] for row in found] == ["ga4gh:VA.x", "", ""]


def test_a_file_that_was_never_annotated_has_rows_without_identifiers() -> None:
    found = rows_of(VCF)
    assert len(found) == 13
    assert {row["vrs_id"] for row in found} == {""}


def test_positions_are_those_of_the_file_without_leading_zeros() -> None:
    found = [rows_of(IDS + record("A", "C").replace(b"\t1\t", b"\t%b\t" % pos))[0] for pos in (b"007", b"0")]
    assert [row["pos"] for row in found] == ["7", "0"]


def test_crlf_lines_and_a_missing_last_line_end_change_nothing() -> None:
    text = annotated()
    assert rows_of(text.replace(b"\n", b"\r\n")) == rows_of(text.rstrip(b"\n")) == rows_of(text)


def test_samples_are_left_out() -> None:
    sample = record("A", "C").replace(b"\n", b"\tGT:VRS_Allele_IDs\t0|1:.\n")
    assert [row["vrs_id"] for row in rows_of(IDS + sample)] == ["", ""]


def test_bytes_that_are_not_utf_8_are_replaced() -> None:
    assert rows_of(IDS + record("A", "C").replace(b"\t.\tA", b"\t\xff\tA"))[0]["id"] == "\ufffd"


def test_the_rows_do_not_depend_on_how_the_text_is_cut() -> None:
    text, reader = annotated(), RowReader()
    batches = [batch for line in text.splitlines(keepends=True) for batch in reader.batches(line)]
    assert [dict(zip(NAMES, row, strict=True)) for batch in batches for row in batch] == rows_of(text)


@pytest.mark.parametrize(("ref", "alts"), [(2_000_000, 3), (100_000, 300), (10, 9_000), (1, 1)])
def test_a_batch_is_bounded_although_each_row_repeats_ref(ref: int, alts: int) -> None:
    text = IDS + record("A" * ref, ",".join(["C"] * alts)) * 3
    sizes, indexes = [], []
    for batch in RowReader().batches(text):
        sizes.append(sum(len(value) for row in batch[1:] for value in row))
        indexes += [row[NAMES.index("allele_index")] for row in batch]
    assert max(sizes) <= rows.BATCH_BYTES
    assert indexes == [str(index) for index in range(alts + 1)] * 3


@pytest.mark.parametrize("options", [WITH_ATTRIBUTES, Options(for_ref=False, add_vrs_attributes=True)])
def test_pysam_reads_the_same_from_a_real_file(shared: Path, tmp_path: Path, options: Options) -> None:
    folder = shared / "data" / "chr22_tiny_q"
    with (folder / "q.fa").open("rb") as fasta:
        contigs = {name: FlatSequence.from_bytes(b"".join(bases)) for name, bases in read_fasta(fasta)}
    source = open_text(io.BytesIO((folder / "NA12878.tiny.giab.vcf").read_bytes()))
    result = tmp_path / "result.vcf"
    chunks = annotate(source, Reference("X", contigs), options)
    result.write_bytes(b"".join(chunk.data for chunk in chunks))
    found = iter(rows_of(result.read_bytes()))
    with pysam.VariantFile(str(result)) as file:
        for variant in file:
            alleles = list(variant.alleles or ())
            row_of_each = list(itertools.islice(found, len(alleles)))
            assert [row["alt"] for row in row_of_each] == alleles
            assert {int(row["pos"]) for row in row_of_each} == {variant.pos}
            written = row_of_each if options.for_ref else row_of_each[1:]
            for name, field in {
                "vrs_id": "VRS_Allele_IDs",
                "start": "VRS_Starts",
                "length": "VRS_Lengths",
            }.items():
                said = ["" if value is None else str(value) for value in variant.info[field]]
                assert [row[name] for row in written] == said
    assert next(found, None) is None
