"""A VCF under both versions: every pair that differs, and what the file's own identifiers are worth."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest

from tests.vrs.small_vcf import HEADER, fields, record, reference, run
from tests.vrs.test_real_files import VCFS, plain_text, reference_of
from tests.vrs.test_versions import drawn, identifier, oracle, repetitive
from vcfjobs.errors import MalformedRecordError, RunFailureError
from vcfjobs.vrs.sequences.flat_files import FlatSequence, Reference
from vcfjobs.vrs.vcf.lines import open_text
from vcfjobs.vrs.vcf.options import Options
from vcfjobs.vrs.vcf.translate import VcfTranslation
from vcfjobs.vrs.versions import VrsVersion

VERSIONS: tuple[VrsVersion, ...] = ("2.0", "2.1")
# Three alleles of SEQUENCE: an SNV, AA into nine A, a deletion.
RECORDS = record("A", "C") + record("T", "TAA", 14) + record("TG", "T", 5)


def translated(content: bytes, on: Reference | None = None) -> tuple[list[tuple[str, str]], VcfTranslation]:
    translation = VcfTranslation(open_text(io.BytesIO(content)), on or reference())
    return [pair for pairs in translation.pairs() for pair in pairs], translation


def ids_under(version: VrsVersion, content: bytes, on: Reference | None = None) -> list[str]:
    """The identifiers of the ALT alleles, in order."""
    data = run(content, on, Options(for_ref=False, vrs_version=version))[0]
    lines = [line for line in data.decode().splitlines() if not line.startswith("#")]
    return [
        vrs_id
        for line in lines
        for vrs_id in fields(line.split("\t")[7]).get("VRS_Allele_IDs", "").split(",")
    ]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("for_ref", [True, False])
@pytest.mark.parametrize("attributes", [True, False])
def test_an_annotated_file_gives_its_pairs_whatever_was_written_into_it(
    version: VrsVersion, for_ref: bool, attributes: bool
) -> None:
    options = Options(for_ref=for_ref, add_vrs_attributes=attributes, vrs_version=version)
    pairs, translation = translated(run(HEADER + RECORDS, options=options)[0])
    older, newer = (ids_under(each, HEADER + RECORDS) for each in VERSIONS)
    assert pairs == [(older[1], newer[1])]
    assert (translation.identifiers, translation.of_neither) == (6 if for_ref else 3, 0)
    assert translation.report.records == 3


def test_a_file_without_identifiers_gives_the_same_pairs() -> None:
    pairs, translation = translated(HEADER + RECORDS)
    assert len(pairs) == 1
    assert (translation.identifiers, translation.of_neither) == (0, 0)


def test_generated_files_give_the_oracles_pairs_in_the_order_of_the_file() -> None:
    draw = random.Random(22)
    found = 0
    for _ in range(20):
        bases = repetitive(draw)
        sequence = FlatSequence.from_bytes(bases.encode())
        alleles = [drawn(bases, draw) for _ in range(100)]
        content = HEADER + b"".join(record(ref, alt, start + 1) for start, ref, alt in alleles)
        expected = []
        for start, ref, alt in alleles:
            ids = [
                identifier(sequence.accession, oracle(bases, start, ref, alt, version))
                for version in VERSIONS
            ]
            if ids[0] != ids[1]:
                expected.append((ids[0], ids[1]))
        assert translated(content, Reference("X", {"chr1": sequence}))[0] == expected
        found += len(expected)
    assert found > 100


@pytest.mark.parametrize("vcf", VCFS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_real_file_gives_what_both_annotations_of_it_do(vcf: Path, shared: Path) -> None:
    content, on = plain_text(vcf), reference_of(vcf)
    older, newer = (ids_under(version, content, on) for version in VERSIONS)
    expected = [pair for pair in zip(older, newer, strict=True) if pair[0] != pair[1]]
    assert translated(content, on)[0] == expected


def test_identifiers_of_neither_version_are_counted() -> None:
    data = run(HEADER + RECORDS + record("A", "<DEL>"), options=Options(vrs_version="2.1"))[0]
    lines = data.splitlines(keepends=True)
    first = lines[-4]
    other = b"ga4gh:VA." + b"A" * 32
    snv = first[first.rindex(b"ga4gh") :].strip()
    assert translated(b"".join([*lines[:-4], first.replace(snv, other), *lines[-3:]]))[1].of_neither == 1
    swapped = b",".join(reversed(first[first.rindex(b"=") + 1 :].strip().split(b",")))
    line = first[: first.rindex(b"=") + 1] + swapped + b"\n"
    assert translated(b"".join([*lines[:-4], line, *lines[-3:]]))[1].of_neither == 2
    too_many = first.strip() + b"," + snv + b"\n"
    assert translated(b"".join([*lines[:-4], too_many, *lines[-3:]]))[1].of_neither == 1


def test_a_record_whose_ref_is_not_the_references_has_identifiers_of_neither() -> None:
    data = run(HEADER + RECORDS)[0].replace(b"chr1\t1\t.\tA\tC", b"chr1\t1\t.\tG\tC")
    assert translated(data)[1].of_neither == 2


def test_the_wrong_assembly_fails() -> None:
    data = run(HEADER + RECORDS)[0]
    with pytest.raises(RunFailureError, match=r"None of the file's 6 identifiers .* right assembly\?"):
        translated(data, reference(chr1=b"C" * 46))
    with pytest.raises(RunFailureError, match="No record lies on a contig of X"):
        translated(data, reference(chr2=b"C" * 46))


def test_a_line_that_is_no_record_is_named() -> None:
    with pytest.raises(MalformedRecordError, match="Line 6 "):
        translated(HEADER + RECORDS + b"chr1\n")


def test_carriage_returns_and_empty_lines_change_nothing() -> None:
    data = run(HEADER + RECORDS)[0]
    expected = translated(data)[0]
    pairs, translation = translated(data.replace(b"\n", b"\r\n") + b"\r\n\n")
    assert pairs == expected
    assert (translation.identifiers, translation.of_neither) == (6, 0)
