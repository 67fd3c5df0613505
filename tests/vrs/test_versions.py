"""VRS 2.0 and 2.1 beside each other, against an oracle written from the two specifications alone."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.vrs.small_vcf import HEADER, fields, info_of, record, run
from tests.vrs.test_real_files import DATA, VCFS, plain_text, reference_of
from vcfjobs.vrs.normalize import normalize
from vcfjobs.vrs.sequences.flat_files import FlatSequence, Reference
from vcfjobs.vrs.vcf.ingest import ingest
from vcfjobs.vrs.vcf.lines import open_text
from vcfjobs.vrs.vcf.options import Options
from vcfjobs.vrs.versions import VrsVersion

CONTIGS = 500
ALLELES_PER_CONTIG = 200
VERSIONS: tuple[VrsVersion, ...] = ("2.0", "2.1")


class Oracle(NamedTuple):
    """Inter-residue location, and the state as its canonical members."""

    start: int
    end: int
    state: dict[str, object]


def oracle(bases: str, start: int, ref: str, alt: str, version: VrsVersion) -> Oracle:
    """VRS, "Allele Normalization", residue by residue."""
    end = start + len(ref)
    if ref == alt:
        return Oracle(start, end, reference_length(len(ref), len(ref)))
    while ref and alt and ref[0] == alt[0]:
        ref, alt, start = ref[1:], alt[1:], start + 1
    while ref and alt and ref[-1] == alt[-1]:
        ref, alt, end = ref[:-1], alt[:-1], end - 1
    if ref and alt:
        return Oracle(start, end, literal(alt))
    seed = ref or alt
    left = right = 0
    while start - left > 0 and bases[start - left - 1] == seed[-1 - left % len(seed)]:
        left += 1
    while end + right < len(bases) and bases[end + right] == seed[right % len(seed)]:
        right += 1
    begin, stop, ambiguous = start - left, end + right, left + right
    if ref:
        return Oracle(begin, stop, reference_length(ambiguous, len(seed)))
    if not ambiguous:
        return Oracle(begin, stop, literal(alt))
    factors = [
        d
        for d in range(1, len(seed) + 1)
        if len(seed) % d == 0 and d <= ambiguous and seed[:d] * (len(seed) // d) == seed
    ]
    if not factors:
        return Oracle(begin, stop, literal(bases[begin:start] + alt + bases[start:stop]))
    chosen = factors[-1] if version == "2.0" else factors[0]
    return Oracle(begin, stop, reference_length(ambiguous + len(seed), chosen))


def literal(sequence: str) -> dict[str, object]:
    return {"type": "LiteralSequenceExpression", "sequence": sequence}


def reference_length(length: int, subunit: int) -> dict[str, object]:
    return {"type": "ReferenceLengthExpression", "length": length, "repeatSubunitLength": subunit}


def identifier(accession: str, allele: Oracle) -> str:
    sequence = {"type": "SequenceReference", "refgetAccession": accession}
    location = {
        "type": "SequenceLocation",
        "sequenceReference": sequence,
        "start": allele.start,
        "end": allele.end,
    }
    return f"ga4gh:VA.{digest({'type': 'Allele', 'location': digest(location), 'state': allele.state})}"


def digest(members: dict[str, object]) -> str:
    canonical = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return base64.urlsafe_b64encode(hashlib.sha512(canonical.encode()).digest()[:24]).decode()


def repetitive(draw: random.Random) -> str:
    """A contig of 20 to 100 residues, much of it tandem repeats."""
    units = ["".join(draw.choices("ACGTN", (9, 9, 9, 9, 1), k=draw.randint(1, 4))) for _ in range(8)]
    return "".join(unit * draw.choice((1, 1, 2, 3, 5, 8)) for unit in units)


def drawn(bases: str, draw: random.Random) -> tuple[int, str, str]:
    """REF and ALT at a start: half of them insertions of what stands beside, a few times over."""
    start = draw.randrange(len(bases))
    end = min(len(bases), start + draw.choice((1, 1, 1, 2, 4, 9)))
    ref = bases[start:end]
    kind = draw.random()
    if kind < 0.5:
        unit = bases[end : end + draw.randint(1, 4)] or ref
        return start, ref, ref + unit * draw.randint(1, 6)
    if kind < 0.7:
        return start, ref, ref[: draw.randint(1, len(ref))]
    return start, ref, "".join(draw.choices("ACGT", k=draw.randint(1, 5)))


def test_a_hundred_thousand_generated_alleles_are_the_oracles_under_both_versions() -> None:
    draw = random.Random(21)
    compared = differing = 0
    for _ in range(CONTIGS):
        bases = repetitive(draw)
        sequence = FlatSequence.from_bytes(bases.encode())
        on = Reference("X", {"chr1": sequence})
        alleles = [drawn(bases, draw) for _ in range(ALLELES_PER_CONTIG)]
        vcf = HEADER + b"".join(record(ref, alt, start + 1) for start, ref, alt in alleles)
        found = {
            version: run(vcf, on, Options(for_ref=False, vrs_version=version))[0].splitlines()[
                -len(alleles) :
            ]
            for version in VERSIONS
        }
        for number, (start, ref, alt) in enumerate(alleles):
            ids = set()
            for version in VERSIONS:
                expected = identifier(sequence.accession, oracle(bases, start, ref, alt, version))
                info = fields(found[version][number].split(b"\t")[7].decode())
                assert info["VRS_Allele_IDs"] == expected, (version, bases, start, ref, alt)
                ids.add(expected)
            differing += len(ids) == 2
        compared += len(alleles)
    assert compared == 100_000
    assert differing > 5_000


def test_two_inserted_into_nine_have_subunit_two_and_in_2_1_one() -> None:
    bases = b"T" + b"A" * 9 + b"C"
    assert normalize(bases, 0, b"T", b"TAA", vrs_version="2.0")[4:] == (11, 2)
    assert normalize(bases, 0, b"T", b"TAA", vrs_version="2.1")[4:] == (11, 1)


def test_a_deletion_keeps_its_own_length_as_subunit_in_2_1() -> None:
    assert normalize(b"TAAAAC", 0, b"TAA", b"T", vrs_version="2.1")[4:] == (2, 2)


def test_the_smallest_subunit_must_fit_into_what_stands_there() -> None:
    normal = normalize(b"GGCAGG", 2, b"C", b"CATC", vrs_version="2.1")
    assert (normal.literal, normal.repeat_subunit_length) == (b"CATCA", None)


def test_the_attributes_follow_the_version() -> None:
    one, other = (
        fields(info_of("T", "TAA", 14, options=Options(add_vrs_attributes=True, vrs_version=version)))
        for version in VERSIONS
    )
    changed = {name for name in one if one[name] != other[name]}
    assert changed == {"VRS_Allele_IDs", "VRS_RepeatSubunitLengths"}
    assert (one["VRS_RepeatSubunitLengths"], other["VRS_RepeatSubunitLengths"]) == ("1,2", "1,1")


def test_an_unknown_version_is_refused() -> None:
    with pytest.raises(ValueError, match=r"VRS 1\.3 is not one of 2\.0, 2\.1"):
        Options(vrs_version="1.3")  # type: ignore[arg-type]


def test_a_file_is_validated_under_the_version_that_its_header_names(tmp_path: Path) -> None:
    on = Reference("X", {"chr1": FlatSequence.from_bytes(b"T" + b"A" * 9 + b"C")})
    for version in VERSIONS:
        options = Options(add_vrs_attributes=True, vrs_version=version)
        annotated = tmp_path / f"{version}.vcf"
        annotated.write_bytes(run(HEADER + record("T", "TAA"), on, options)[0])
        with annotated.open("rb") as file:
            (chunk,) = ingest(open_text(file), on, validate=True)
        assert not chunk.disagreements
        assert len(chunk.alleles) == 2


@pytest.mark.parametrize("vcf", VCFS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_insertions_of_a_real_file_are_the_oracles_under_both_versions(vcf: Path, shared: Path) -> None:
    on = reference_of(vcf)
    annotated = {
        version: run(plain_text(vcf), on, Options(for_ref=False, vrs_version=version))[0].splitlines()
        for version in VERSIONS
    }
    for lines in zip(*annotated.values(), strict=True):
        if lines[0].startswith(b"#") or b"ga4gh:VA." not in lines[0]:
            continue
        chrom, pos, _, ref, alt = lines[0].decode().upper().split("\t")[:5]
        sequence = on.contigs[lines[0].split(b"\t")[0].decode()]
        begin = max(0, int(pos) - 1_000)  # wide enough for every repeat of these files
        window = bytes(sequence.bases)[begin : int(pos) + len(ref) + 1_000].decode()
        for version, line in zip(VERSIONS, lines, strict=True):
            ids = fields(line.split(b"\t")[7].decode())["VRS_Allele_IDs"].split(",")
            for allele, found in zip(alt.split(","), ids, strict=True):
                if found == "." or len(allele) <= len(ref):
                    continue
                expected = oracle(window, int(pos) - 1 - begin, ref, allele, version)
                moved = Oracle(expected.start + begin, expected.end + begin, expected.state)
                assert found == identifier(sequence.accession, moved), (chrom, pos, ref, allele)


# Insertions whose identifier changes, of all insertions of the file.
COUNTS = {
    "grch38_chr20_1Mb/truvari_multi.vcf.gz": (116, 504),
    "grch38_chr20_1Mb/truvari_hg002_base.vcf.gz": (48, 162),
    "grch37_brca1_slice/brca1_kgp_phase3.vcf": (3, 36),
    "grch38_chrM/kgp_phase1_1074.chrM.vcf.gz": (11, 33),
}


@pytest.mark.parametrize("name", COUNTS)
def test_so_many_identifiers_of_a_real_file_change(name: str, shared: Path) -> None:
    vcf = DATA / name
    ids, kinds = [], []
    for version in VERSIONS:
        options = Options(for_ref=False, collect_alleles=True, vrs_version=version)
        _, alleles, report = run(plain_text(vcf), reference_of(vcf), options)
        ids.append([row[0] for row in alleles])
        kinds.append(report.alleles)
    changed = sum(one != other for one, other in zip(*ids, strict=True))
    assert (changed, kinds[0]["insertion"]) == COUNTS[name]
    assert kinds[0] == kinds[1]
