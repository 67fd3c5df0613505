"""Real VCFs on real sequence, and the specification's own good and bad files."""

from __future__ import annotations

import io
import os
import random
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import pysam
import pytest
from ga4gh.core import ga4gh_identify
from ga4gh.vrs import models, normalize

from tests.conftest import SHARED
from tests.vrs.test_differential import OneContig
from vcfjobs.errors import VcfJobsError
from vcfjobs.vrs.bgzf.files import BgzfWriter
from vcfjobs.vrs.sequences.fasta import read_fasta
from vcfjobs.vrs.sequences.flat_files import FlatSequence, Reference, aliases
from vcfjobs.vrs.vcf.alleles import AlleleRow
from vcfjobs.vrs.vcf.annotate import annotate
from vcfjobs.vrs.vcf.header import FIELDS
from vcfjobs.vrs.vcf.lines import open_text
from vcfjobs.vrs.vcf.options import Options
from vcfjobs.vrs.vcf.report import Report

DATA = SHARED / "data"
SAMPLED = 40
FASTA_OF = {
    "norm.2.vcf": "norm.2.fa",
    "norm.iupac.vcf": "norm.iupac.fa",
    "norm.symbolic.vcf": "norm.symbolic.fa",
    "norm.symbolic.2.vcf": "norm.symbolic.fa",
    "norm.symbolic.3.vcf": "norm.symbolic.3.fa",
    "norm.breakend.1.vcf": "norm.breakend.1.fa",
    "norm.right-align.vcf": "norm.right-align.fa",
}
VCFS = sorted(
    path
    for folder in DATA.glob("*")
    if folder.name != "vcf_spec_conformance"
    for path in [*folder.glob("*.vcf"), *folder.glob("*.vcf.gz")]
)
SPECIFICATION = sorted((DATA / "vcf_spec_conformance").rglob("*.vcf"))


@pytest.fixture(scope="module", autouse=True)
def _needs_the_data(shared: Path) -> None:
    """Skipped with the reason where the data is not there."""


def reference_of(vcf: Path) -> Reference:
    fastas = [vcf.parent / FASTA_OF[vcf.name]] if vcf.name in FASTA_OF else sorted(vcf.parent.glob("*.fa*"))
    if vcf.parent.name == "edge_bcftools_norm" and vcf.name not in FASTA_OF:
        fastas = [vcf.parent / "norm.fa"]
    contigs: dict[str, FlatSequence] = {}
    for fasta in fastas:
        if fasta.suffix in (".fai", ".gzi"):
            continue
        with fasta.open("rb") as opened:
            file: BinaryIO = opened
            if fasta.name == "norm.iupac.fa":  # it ends in digits, which our reader refuses
                file = io.BytesIO(file.read().replace(b"12345678", b""))
            for name, residues in read_fasta(file):
                sequence = FlatSequence.from_bytes(b"".join(residues))
                contigs |= dict.fromkeys([name, *aliases(name)], sequence)
    return Reference(vcf.parent.name, contigs)


def plain_text(path: Path) -> bytes:
    with path.open("rb") as file:
        source = open_text(file)
        return b"".join(iter(source.read_chunk, b""))


def without_ours(text: bytes) -> list[bytes]:
    """The file's lines without our header lines and fields."""
    kept = []
    for line in text.split(b"\n"):
        if line.startswith(b"##INFO=<ID=VRS_"):
            continue
        columns = line.split(b"\t")
        if not line.startswith(b"#") and len(columns) > 7:
            entries = [e for e in columns[7].split(b";") if e.split(b"=")[0] not in FIELDS]
            columns[7] = b";".join(entries) or b"."
        kept.append(b"\t".join(columns))
    return kept


@pytest.mark.parametrize("vcf", VCFS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_real_file_goes_through(vcf: Path, tmp_path: Path) -> None:
    on = reference_of(vcf)
    result = tmp_path / "out.vcf.gz"
    report = Report()
    rows: list[AlleleRow] = []
    with vcf.open("rb") as file, result.open("wb") as output:
        writer = BgzfWriter(output)
        for chunk in annotate(open_text(file), on, Options(add_vrs_attributes=True, collect_alleles=True)):
            writer.write(chunk.data)
            report.merge(chunk.report)
            rows += chunk.alleles
        writer.close()
    given, annotated = plain_text(vcf), plain_text(result)
    assert without_ours(annotated) == without_ours(given)
    records = [line for line in given.splitlines() if line and not line.startswith(b"#")]
    assert report.records == len(records)
    _require_reference_implementations_ids(on, annotated)
    _require_readable(result, given, len(records))


def _require_reference_implementations_ids(on: Reference, annotated: bytes) -> None:
    """A sample of the alleles, through ga4gh.vrs."""
    lines = [line for line in annotated.decode().splitlines() if "ga4gh:VA." in line and line[0] != "#"]
    for line in random.Random(1).sample(lines, min(SAMPLED, len(lines))):
        chrom, pos, _, ref, alt, _, _, info = line.split("\t")[:8]
        ids = dict(e.partition("=")[::2] for e in info.split(";"))["VRS_Allele_IDs"].split(",")
        sequence = on.contigs[chrom]
        proxy = OneContig(sequence.accession, bytes(sequence.bases).decode())
        for identifier, allele in zip(ids, [ref, *alt.split(",")], strict=False):
            if identifier == ".":
                continue
            start = int(pos) - 1
            location = models.SequenceLocation(
                sequenceReference=models.SequenceReference(refgetAccession=sequence.accession),
                start=start,
                end=start + len(ref),
            )
            state = models.LiteralSequenceExpression(sequence=allele.upper())
            normal = normalize(models.Allele(location=location, state=state), data_proxy=proxy)
            assert ga4gh_identify(normal) == identifier, line[:200]


def _require_readable(result: Path, given: bytes, records: int) -> None:
    """pysam and bcftools read the result wherever they read the file that came in."""
    plain = result.with_name("in.vcf")
    plain.write_bytes(given)
    before, after = _pysam_count(plain), _pysam_count(result)
    assert after == before
    bcftools = shutil.which("bcftools")
    if bcftools is None:
        assert not os.environ.get("CI"), "in CI bcftools re-reads every result"
        return
    counts = [
        subprocess.run([bcftools, "view", "-H", str(path)], capture_output=True, check=False)
        for path in (plain, result)
    ]
    if counts[0].returncode == 0:
        assert counts[1].returncode == 0
        assert counts[1].stdout.count(b"\n") == counts[0].stdout.count(b"\n") == records


def _pysam_count(path: Path) -> int | None:
    verbosity = pysam.set_verbosity(0)
    try:
        with pysam.VariantFile(str(path)) as file:
            return sum(1 for _ in file)
    except (OSError, ValueError):
        return None
    finally:
        pysam.set_verbosity(verbosity)


@pytest.mark.parametrize("vcf", SPECIFICATION, ids=lambda path: str(path.relative_to(DATA)))
def test_a_file_of_the_specification_gets_a_verdict_within_a_second(vcf: Path) -> None:
    began = time.process_time()
    on = Reference("none", {name: FlatSequence.from_bytes(b"ACGT" * 50) for name in ("1", "20", "chr1")})
    with suppress(VcfJobsError):  # any other exception is a failure
        for _ in annotate(open_text(io.BytesIO(vcf.read_bytes())), on, Options(add_vrs_attributes=True)):
            pass
    assert time.process_time() - began < 1
