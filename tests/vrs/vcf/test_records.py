"""What a record becomes, rule by rule; first of all where other tools are wrong, fail or are silent."""

from __future__ import annotations

import time

import pytest

from tests.vrs.small_vcf import HEADER, SEQUENCE, fields, info_of, record, reference, run
from vcfjobs.errors import MalformedRecordError
from vcfjobs.vrs.digests import allele_digest, digest_text, location_digest, refget_accession
from vcfjobs.vrs.sequences.flat_files import FlatSequence, Reference
from vcfjobs.vrs.vcf.header import FIELDS
from vcfjobs.vrs.vcf.options import Options
from vcfjobs.vrs.vcf.records import RecordAnnotator

ATTRIBUTES = Options(add_vrs_attributes=True)
ALT_ONLY = Options(for_ref=False)


def identifier(start: int, end: int, **state: int | str) -> str:
    location = location_digest(refget_accession(SEQUENCE), start, end)
    return f"ga4gh:VA.{allele_digest(location, **state)}"  # type: ignore[arg-type]


def test_ref_and_alt_of_an_snv_get_their_identifiers_and_attributes() -> None:
    ref = identifier(0, 1, length=1, repeat_subunit_length=1)
    alt = identifier(0, 1, literal="G")
    assert fields(info_of("A", "G", options=ATTRIBUTES)) == {
        "VRS_Allele_IDs": f"{ref},{alt}",
        "VRS_Starts": "0,0",
        "VRS_Ends": "1,1",
        "VRS_States": "A,G",
        "VRS_Lengths": "1,.",
        "VRS_RepeatSubunitLengths": "1,.",
    }


def test_alts_alone_get_identifiers_without_for_ref() -> None:
    assert info_of("A", "G", options=ALT_ONLY) == f"VRS_Allele_IDs={identifier(0, 1, literal='G')}"


def test_without_for_ref_attributes_are_of_the_alt() -> None:
    info = fields(info_of("A", "G", options=Options(for_ref=False, add_vrs_attributes=True)))
    assert (info["VRS_Starts"], info["VRS_Ends"], info["VRS_States"]) == ("0", "1", "G")
    assert (info["VRS_Lengths"], info["VRS_RepeatSubunitLengths"]) == (".", ".")


def test_an_insertion_into_a_run_is_widened_to_the_run() -> None:
    info = fields(info_of("T", "TAA", pos=14, options=ATTRIBUTES))
    assert info["VRS_Starts"].split(",")[1] == "14"
    assert info["VRS_Ends"].split(",")[1] == "23"
    assert info["VRS_Lengths"].split(",")[1] == "11"
    assert info["VRS_RepeatSubunitLengths"].split(",")[1] == "2"
    assert info["VRS_States"].split(",")[1] == "A" * 11


def test_a_deletion_outside_a_repeat_has_length_zero_and_no_state() -> None:
    info = fields(info_of("TG", "T", pos=5, options=Options(for_ref=False, add_vrs_attributes=True)))
    assert (info["VRS_Lengths"], info["VRS_States"]) == ("0", ".")


def test_a_reference_length_state_beyond_fifty_bases_is_not_shown() -> None:
    info = fields(info_of("T", "T" + "A" * 50, pos=14, options=ATTRIBUTES))
    assert info["VRS_States"].split(",")[1] == "."


def test_a_literal_of_any_length_is_shown() -> None:
    inserted = "ACGTTGCA" * 20
    info = fields(info_of("T", "T" + inserted, pos=5, options=ATTRIBUTES))
    assert len(info["VRS_States"].split(",")[1]) >= len(inserted)


@pytest.mark.parametrize("alt", ["*", "<DEL>", "<NON_REF>", "<*>", "<INS:ME:ALU>"])
def test_symbolic_and_star_alleles_get_a_dot_and_the_rest_stays(alt: str) -> None:
    info = info_of("A", alt, info="DP=3")
    ref = identifier(0, 1, length=1, repeat_subunit_length=1)
    assert info == f"DP=3;VRS_Allele_IDs={ref},."


@pytest.mark.parametrize("alt", ["G[chr1:50[", "]chr1:50]G", "G.", ".G", "ACG<INS>"])
def test_breakends_never_get_the_identifier_of_a_prefix(alt: str) -> None:
    assert info_of("A", alt, options=ALT_ONLY) == "VRS_Allele_IDs=."


def test_no_alt_without_for_ref_adds_no_field() -> None:
    assert info_of("A", ".", info="DP=3", options=ALT_ONLY) == "DP=3"


def test_no_alt_with_for_ref_gives_the_identifier_of_ref() -> None:
    assert info_of("A", ".") == f"VRS_Allele_IDs={identifier(0, 1, length=1, repeat_subunit_length=1)}"


@pytest.mark.parametrize("alt", ["P", "AP", "A-", "1"])
def test_letters_outside_iupac_get_no_identifier(alt: str) -> None:
    ref = identifier(0, 1, length=1, repeat_subunit_length=1)
    assert info_of("A", f"{alt},C") == f"VRS_Allele_IDs={ref},.,{identifier(0, 1, literal='C')}"


@pytest.mark.parametrize("chrom", ["HLA-A*01:01:01:01", "chrUn_KI270302v1", "a:b-c"])
def test_any_contig_name_resolves(chrom: str) -> None:
    on = Reference("X", {chrom: FlatSequence.from_bytes(SEQUENCE)})
    assert info_of("A", "G", chrom=chrom, on=on).startswith("VRS_Allele_IDs=ga4gh:VA.")


def test_an_unknown_contig_gets_dots_and_is_counted_by_name() -> None:
    data, _, report = run(HEADER + record("A", "C") + record("A", "C,G", chrom="chr9"))
    assert data.splitlines()[-1].endswith(b"\tVRS_Allele_IDs=.,.,.")
    assert report.unknown_contigs == {"chr9": 1}


def test_lower_case_is_the_same_allele() -> None:
    assert info_of("a", "g") == info_of("A", "G")
    assert info_of("acg", "a") == info_of("ACG", "A")


def test_a_wrong_ref_gets_only_the_error_and_is_counted() -> None:
    data, _, report = run(HEADER + record("GG", "C", pos=3, info="DP=3"))
    assert data.splitlines()[-1].split(b"\t")[7].decode() == (
        "DP=3;VRS_Error=Reference mismatch at X:chr1 position 2-4 (input gave 'GG' but correct ref is 'GT')"
    )
    assert report.failures == [("chr1", 3, "reference_mismatch", "GG", "GT")]


def test_a_wrong_ref_in_lower_case_is_quoted_in_upper_case() -> None:
    assert info_of("gg", "c", pos=3) == info_of("GG", "C", pos=3)


def test_one_wrong_ref_spoils_all_alleles_of_the_record_alone() -> None:
    data, _, _ = run(HEADER + record("G", "C,T") + record("A", "C"))
    wrong, right = (line.split(b"\t")[7] for line in data.splitlines()[-2:])
    assert wrong.startswith(b"VRS_Error=")
    assert right.startswith(b"VRS_Allele_IDs=")


def test_position_zero_and_positions_past_the_end_are_errors() -> None:
    assert info_of("A", "C", pos=0).startswith("VRS_Error=Reference mismatch at X:chr1 position -1-0")
    past = info_of("A", "C", pos=len(SEQUENCE) + 1)
    assert past.endswith("(input gave 'A' but correct ref is '')")


def test_ref_is_cut_at_the_contigs_end() -> None:
    assert info_of("CT", "C", pos=len(SEQUENCE)).endswith("correct ref is 'C')")


def test_ref_is_not_checked_where_no_allele_gets_an_identifier() -> None:
    assert info_of("G", "<DEL>", options=ALT_ONLY) == "VRS_Allele_IDs=."


def test_what_info_cannot_hold_is_escaped_in_the_error() -> None:
    on = Reference("X", {"a=1;b,c%": FlatSequence.from_bytes(SEQUENCE)})
    assert "X:a%3D1%3Bb%2Cc%25 position" in info_of("G", "C", chrom="a=1;b,c%", on=on)


def test_fields_of_an_earlier_annotation_are_replaced() -> None:
    old = "VRS_Allele_IDs=ga4gh:VA.x;DP=3;VRS_Starts=1,2;VRS_Error=gone;FLAG"
    info = fields(info_of("A", "G", info=old))
    assert list(info) == ["DP", "FLAG", "VRS_Allele_IDs"]
    assert info["VRS_Allele_IDs"] == fields(info_of("A", "G"))["VRS_Allele_IDs"]


def test_only_fields_of_an_earlier_annotation_leave_a_dot_where_nothing_is_added() -> None:
    assert info_of("A", ".", info="VRS_Allele_IDs=x", options=ALT_ONLY) == "."


def test_a_field_that_only_begins_like_ours_is_kept() -> None:
    assert info_of("A", "G", info="VRS_Allele_IDs_old=1").startswith("VRS_Allele_IDs_old=1;VRS_Allele_IDs=")


@pytest.mark.parametrize("tail", [b"", b"\tGT\t0/1\t1/1"])
@pytest.mark.parametrize("info", [b".", b"DP=3;X", b""])
def test_every_byte_outside_our_fields_stays(tail: bytes, info: bytes) -> None:
    line = b"chr1\t1\trs1;x\tA\tC,<DEL>\t0.50\tq10;s50\t" + info + tail
    data, _, _ = run(HEADER + line + b"\n")
    out = data.splitlines()[-1].split(b"\t", 8)
    given = line.split(b"\t", 8)
    assert out[:7] + out[8:] == given[:7] + given[8:]
    assert out[7].startswith(info + b";VRS" if info != b"." else b"VRS")


@pytest.mark.parametrize("tail", [b"", b"\tGT\t0/1"])
def test_carriage_returns_stay_at_the_line_ends(tail: bytes) -> None:
    text = (HEADER + b"chr1\t1\t.\tA\tC\t.\t.\tDP=1" + tail + b"\n").replace(b"\n", b"\r\n")
    data, _, _ = run(text)
    assert data.count(b"\r\n") == data.count(b"\n") == data.count(b"\r")
    plain, _, _ = run(text.replace(b"\r\n", b"\n"))
    assert data.replace(b"\r\n", b"\n") == plain


def test_a_missing_last_line_end_stays_missing() -> None:
    data, _, _ = run(HEADER + record("A", "C").rstrip(b"\n"))
    assert b"VRS_Allele_IDs" in data.splitlines()[-1]
    assert not data.endswith(b"\n")


def test_a_blank_last_line_stays() -> None:
    data, _, report = run(HEADER + record("A", "C") + b"\n")
    assert data.endswith(b"\n\n")
    assert report.records == 1


@pytest.mark.parametrize(
    "line",
    [
        b"chr1\tsecret\t.\tA\tC\t.\t.\t.",
        b"chr1\t1_0\t.\tA\tC\t.\t.\t.",
        b"chr1\t 1\t.\tA\tC\t.\t.\t.",
        b"chr1\t-7\t.\tA\tC\t.\t.\t.",
        b"chr1\t99999999999999\t.\tA\tC\t.\t.\t.",
        b"chr1\t1\t.\tA\tC\t.\tsecret",
        b"secret",
    ],
)
def test_a_malformed_line_names_its_number_and_not_its_contents(line: bytes) -> None:
    with pytest.raises(MalformedRecordError, match="Line 4 ") as caught:
        run(HEADER + record("A", "C") + line + b"\n" + record("A", "C"))
    assert "secret" not in caught.value.sentence


def test_thousands_of_alts_are_refused_with_the_line() -> None:
    with pytest.raises(MalformedRecordError, match=r"Line 3 has more than 10,000 ALT alleles"):
        run(HEADER + record("A", ",".join(["C"] * 10_001)))


def test_an_alt_written_many_times_in_a_run_of_n_is_normalised_once() -> None:
    on = reference(chr1=b"A" + b"N" * 20_000_000)
    began = time.process_time()
    info = fields(info_of("N", ",".join(["NN"] * 3000), pos=5, on=on))
    assert time.process_time() - began < 3
    assert len(set(info["VRS_Allele_IDs"].split(",")[1:])) == 1


def test_the_output_does_not_depend_on_how_lines_are_cut_into_chunks() -> None:
    lines = [
        record("A", "C"),
        record("T", "TAA", pos=14),
        record("G", "<DEL>", pos=3),
        record("A", "C", pos=9),
    ]
    lines *= 5
    annotator = RecordAnnotator(reference(), Options(add_vrs_attributes=True, collect_alleles=True))
    whole = annotator.annotate(b"".join(lines), 1)
    parts = [annotator.annotate(line, number) for number, line in enumerate(lines, 1)]
    assert b"".join(part.data for part in parts) == whole.data
    assert sorted(map(str, (row for part in parts for row in part.alleles))) == sorted(
        map(str, whole.alleles)
    )


@pytest.mark.parametrize("for_ref", [True, False])
def test_collected_alleles_are_those_whose_identifiers_are_written(for_ref: bool) -> None:
    content = HEADER + record("A", "C") + record("T", "TAA", pos=14) + record("G", "<DEL>,T", pos=3)
    data, alleles, _ = run(content, options=Options(for_ref=for_ref, collect_alleles=True))
    written = {
        identifier
        for line in data.splitlines()[-3:]
        for identifier in fields(line.split(b"\t")[7].decode())["VRS_Allele_IDs"].split(",")
    } - {"."}
    assert {f"ga4gh:VA.{digest_text(row[0])}" for row in alleles} == written
    for digest, accession, start, end, literal, length, subunit in alleles:
        recomputed = allele_digest(
            location_digest(accession, start, end),
            literal=literal,
            length=length,
            repeat_subunit_length=subunit,
        )
        assert recomputed == digest_text(digest)


def test_alleles_are_counted_by_type() -> None:
    lines = [
        record("A", "C"),
        record("AC", "GT"),
        record("T", "TAA", pos=14),
        record("TG", "T", pos=5),
        record("ACG", "TT"),
        record("A", "*,<DEL>,G[chr1:5[,P"),
    ]
    _, _, report = run(HEADER + b"".join(lines))
    assert report.alleles == {"reference": 6, "snv": 1, "mnv": 1, "insertion": 1, "deletion": 1, "delins": 1}
    assert report.without_id == {"star": 1, "symbolic": 1, "breakend": 1, "other": 1}
    assert (report.insertion_lengths, report.deletion_lengths) == ({2: 1}, {1: 1})


def test_our_fields_are_the_seven_of_the_reference_annotator() -> None:
    assert len(FIELDS) == len(set(FIELDS)) == 7
