"""Known answers: the reference implementation's, GA4GH's validation suite, published identifiers."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.vrs.small_vcf import HEADER, run
from vcfjobs.vrs import digests
from vcfjobs.vrs.digests import vrs_allele
from vcfjobs.vrs.normalize import normalize
from vcfjobs.vrs.sequences.flat_files import FlatSequence, Reference
from vcfjobs.vrs.vcf.options import Options

GOLDEN = Path(__file__).parent / "data" / "golden_synthetic.jsonl"
OWN_LINES = b"##INFO=<ID=VRS_"


@pytest.fixture(scope="session")
def conformance(shared: Path) -> Path:
    """The folder of known answers."""
    return shared / "conformance"


class SparseBases:
    """A contig of which some stretches are known; what is not known reads as `?` and matches nothing."""

    def __init__(self, length: int, known: list[tuple[int, str]]) -> None:
        self._length = length
        self._known = [(start, bases.encode()) for start, bases in known]

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, interval: slice) -> bytes:
        start, stop, _ = interval.indices(self._length)
        wanted = bytearray(b"?" * max(0, stop - start))
        for begin, bases in self._known:
            low, high = max(start, begin), min(stop, begin + len(bases))
            if low < high:
                wanted[low - start : high - start] = bases[low - begin : high - begin]
        return bytes(wanted)


def sparse_reference(conformance: Path, assembly: str) -> Reference:
    contigs: dict[str, FlatSequence] = {}
    for identifier, entry in json.loads((conformance / "sparse_reference.json").read_text()).items():
        bases: Any = SparseBases(entry["length"], entry["known"])
        sequence = FlatSequence(identifier.removeprefix("ga4gh:"), bases)
        for name in entry["names"]:
            if name.startswith(f"{assembly}:"):
                bare = name.removeprefix(f"{assembly}:").removeprefix("chr")
                contigs |= {bare: sequence, f"chr{bare}": sequence}
    return Reference(assembly, contigs)


def test_three_thousand_alleles_on_a_made_up_contig_are_the_reference_implementations() -> None:
    head, *rows = map(json.loads, GOLDEN.read_text().splitlines())
    bases = head["sequence"].encode()
    assert digests.refget_accession(bases) == head["refgetAccession"]
    for row in rows:
        _, start, end, literal, length, subunit = normalize(
            bases, row["pos"] - 1, row["ref"].encode(), row["alt"].encode()
        )
        allele = vrs_allele(
            head["refgetAccession"],
            start,
            end,
            literal=None if literal is None else literal.decode(),
            length=length,
            repeat_subunit_length=subunit,
        )
        assert (allele["id"], allele["location"]["id"]) == (row["id"], row["location"]), row
        assert (start, end) == (row["start"], row["end"])
        state = {key: value for key, value in row["state"].items() if key != "sequence" or length is None}
        assert allele["state"] == state
    assert len(rows) == 3000


def golden_rows(conformance: Path) -> list[dict[str, str]]:
    lines = (conformance / "golden_real_grch38.tsv").read_text().splitlines()
    return list(csv.DictReader(lines, delimiter="\t", restval=""))


def test_real_alleles_on_grch38_have_their_known_identifiers(conformance: Path) -> None:
    seen = 0
    for row in golden_rows(conformance):
        chrom, pos, ref, alt = row["gnomad_expr"].split("-", 3)
        on = sparse_reference(conformance, row["assembly"])
        vcf = HEADER + f"{chrom}\t{pos}\t.\t{ref}\t{alt}\t.\t.\t.\n".encode()
        data, alleles, _ = run(vcf, on, Options(for_ref=False, add_vrs_attributes=True, collect_alleles=True))
        info = dict(
            entry.partition("=")[::2] for entry in data.decode().splitlines()[-1].split("\t")[7].split(";")
        )
        if row["allele_id"] == "ERR":
            assert info == {"VRS_Error": row["location_id"].replace("=", "%3D")}
        elif row["allele_id"] == "NONE":
            assert info["VRS_Allele_IDs"] == "."
        else:
            (allele,) = alleles
            assert info["VRS_Allele_IDs"] == row["allele_id"], row
            assert (info["VRS_Starts"], info["VRS_Ends"]) == (row["start"], row["end"])
            location = digests.location_digest(allele[1], allele[2], allele[3])
            assert f"ga4gh:SL.{location}" == row["location_id"]
            assert info["VRS_Lengths"] == (row["length"] or ".")
            assert info["VRS_RepeatSubunitLengths"] == (row["repeatSubunitLength"] or ".")
        seen += 1
    assert seen == 36


@pytest.mark.parametrize(
    ("expected", "options"),
    [
        ("test_vcf_expected_output.vcf", Options(add_vrs_attributes=True)),
        ("test_vcf_expected_altsonly_output.vcf", Options(for_ref=False, add_vrs_attributes=True)),
        ("test_vcf_expected_output_no_vrs_attrs.vcf", Options()),
    ],
)
def test_the_annotators_own_fixtures_come_out_the_same(
    conformance: Path, expected: str, options: Options
) -> None:
    source = (conformance / "test_vcf_input.vcf").read_bytes()
    data, _, _ = run(source, sparse_reference(conformance, "GRCh38"), options)
    ours, theirs = records_of(data), records_of((conformance / expected).read_bytes())
    assert [vrs_part(line) for line in ours] == [vrs_part(line) for line in theirs]
    added = [line.split(b" [VRS")[0] for line in data.splitlines() if line.startswith(OWN_LINES)]
    known = (conformance / expected).read_bytes().splitlines()
    assert added == [line.split(b" [VRS")[0] for line in known if line.startswith(OWN_LINES)]


def test_the_fixture_of_reference_length_states_gets_its_identifiers(conformance: Path) -> None:
    source = (conformance / "test_rle.vcf").read_bytes()
    _, _, report = run(source, sparse_reference(conformance, "GRCh38"), Options())
    assert report.records == report.resolved > 0
    assert not report.failed


def records_of(content: bytes) -> list[bytes]:
    return [line for line in content.splitlines() if not line.startswith(b"#")]


def vrs_part(line: bytes) -> list[bytes]:
    """The VRS fields of INFO; elsewhere the other tool rewrites what it reads."""
    return [entry for entry in line.split(b"\t")[7].split(b";") if entry.startswith(b"VRS_")]


def test_the_validation_suites_functions_hold(conformance: Path) -> None:
    cases = yaml.safe_load((conformance / "functions.yaml").read_text())["sha512t24u"]
    for case in cases:
        assert digests.sha512t24u(case["in"]["blob"].encode()) == case["out"]
    assert cases


def definite(location: Mapping[str, Any]) -> bool:
    return isinstance(location["start"], int) and isinstance(location["end"], int)


@pytest.mark.parametrize("name", ["models.yaml", "alleles-2.1-wip.yaml"])
def test_the_validation_suites_alleles_hold(conformance: Path, name: str) -> None:
    seen = 0
    for case in yaml.safe_load((conformance / name).read_text())["Allele"]:
        given, out = case["in"], case["out"]
        if not isinstance(given["location"], dict) or not definite(given["location"]):
            continue
        state = given["state"]
        if state["type"] not in ("LiteralSequenceExpression", "ReferenceLengthExpression"):
            continue
        literal = state["type"] == "LiteralSequenceExpression"
        allele = vrs_allele(
            given["location"]["sequenceReference"]["refgetAccession"],
            given["location"]["start"],
            given["location"]["end"],
            literal=state["sequence"] if literal else None,
            length=None if literal else state["length"],
            repeat_subunit_length=None if literal else state["repeatSubunitLength"],
        )
        assert allele["digest"] == out["ga4gh_digest"], case
        assert allele["id"] == out["ga4gh_identify"]
        seen += 1
    assert seen >= 2


def test_the_validation_suites_locations_hold(conformance: Path) -> None:
    seen = 0
    for case in yaml.safe_load((conformance / "models.yaml").read_text())["SequenceLocation"]:
        given = case["in"]
        if not definite(given):
            continue
        accession = given["sequenceReference"]["refgetAccession"]
        assert digests.location_digest(accession, given["start"], given["end"]) == case["out"]["ga4gh_digest"]
        seen += 1
    assert seen >= 1


def test_published_identifiers_are_recomputed(conformance: Path) -> None:
    accessions = json.loads((conformance / "refget_accessions.json").read_text())
    seen = 0
    for line in (conformance / "allele_digest_vectors.ndjson").read_text().splitlines():
        row = json.loads(line)
        if not row["recomputed_by_ga4gh_vrs_2_3_3"]:
            continue  # a stale identifier, of an older VRS version
        where, state = row["chrom_or_SQ"], row["state"]
        accession = (
            where if where.startswith("SQ.") else accessions[row["assembly"]][where]["refgetAccession"]
        )
        literal = state["type"] == "LiteralSequenceExpression"
        allele = vrs_allele(
            accession,
            row["start"],
            row["end"],
            literal=state["sequence"] if literal else None,
            length=state.get("length"),
            repeat_subunit_length=state.get("repeatSubunitLength"),
        )
        assert allele["id"] == row["published_id"], row
        seen += 1
    assert seen > 30


def test_the_table_of_canonical_accessions_is_the_public_one(conformance: Path) -> None:
    from vcfjobs.vrs.sequences.accessions import canonical

    accessions = json.loads((conformance / "refget_accessions.json").read_text())
    for assembly in ("GRCh38", "GRCh37"):
        for name, entry in accessions[assembly].items():
            assert canonical(assembly, name, entry["length"]) == entry["refgetAccession"]
            assert canonical(assembly, name, entry["length"] + 1) is None
