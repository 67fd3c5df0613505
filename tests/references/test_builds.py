"""A FASTA that is registered under the name of a published build must be of that build."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from vcfjobs.models import Assembly, Contig, Sequence
from vcfjobs.references import register
from vcfjobs.references.builds import build_of, foreign
from vcfjobs.references.register import ReferenceLoadError
from vcfjobs.vrs.digests import refget_accession
from vcfjobs.vrs.sequences.accessions import CANONICAL

pytestmark = [pytest.mark.django_db, pytest.mark.database]

ONE, OTHER = "SQ." + "1" * 32, "SQ." + "2" * 32


def load(content: bytes, name: str, **options: Any) -> register.LoadReport:
    known: dict[str, Any] = {"accessions": {}, "canonical": False, "replace": False}
    return register.load_reference(
        name=name, fasta=io.BytesIO(content), source="a.fa", on_progress=lambda _: None, **(known | options)
    )


@pytest.fixture(autouse=True)
def _small_builds(monkeypatch: pytest.MonkeyPatch) -> None:
    """GRCh38's chromosome 20 has 6 bases, GRCh37's 4."""
    monkeypatch.setitem(CANONICAL["GRCh38"], "20", (6, refget_accession(b"AACCGG")))
    monkeypatch.setitem(CANONICAL["GRCh37"], "20", (4, refget_accession(b"ACGT")))


@pytest.mark.parametrize("name", ["GRCh38", "grch38.p14", "hg38", "GRCh38_no_alt", "hs38DH"])
@pytest.mark.parametrize("contig", ["20", "chr20"])
def test_a_contig_with_the_length_of_another_build_is_refused_and_leaves_nothing(
    name: str, contig: str
) -> None:
    with pytest.raises(ReferenceLoadError, match="has 4 bases, GRCh38's has 6 and GRCh37's 4"):
        load(f">{contig}\nACGT\n".encode(), name)
    assert not Assembly.objects.exists()
    assert not Sequence.objects.exists()
    assert {path.name for path in Path(settings.ANYVAR_SEQUENCE_DIR).iterdir()} == {register.LOCK}


@pytest.mark.parametrize("name", ["GRCh37", "hg19", "b37", "hs37d5", "human_g1k_v37"])
def test_a_part_of_a_chromosome_is_refused(name: str) -> None:
    with pytest.raises(ReferenceLoadError, match=r"has 3 bases, GRCh37's has 4\. Register"):
        load(b">20\nACG\n", name)


def test_the_sequence_of_another_build_is_refused_whatever_its_name() -> None:
    with pytest.raises(ReferenceLoadError, match="is chromosome 20 of GRCh37"):
        load(b">NC_000020.10\nACGT\n", "GRCh38")


def test_the_accession_of_another_build_is_refused() -> None:
    with pytest.raises(ReferenceLoadError, match="is chromosome 20 of GRCh37"):
        load(b">x\nNNNN\n", "GRCh38", accessions={"x": refget_accession(b"ACGT")})


def test_a_masked_copy_of_the_right_length_and_contigs_beyond_the_chromosomes_are_registered() -> None:
    report = load(b">chr20\nNNCCGG\n>chr20_alt\nAC\n>chrEBV\nA\n", "GRCh38")
    assert [contig.deviates for contig in report.contigs] == [True, False, False]


def test_a_forced_load_keeps_the_accession_of_the_bytes() -> None:
    load(b">chr20\nACG\n", "GRCh38", force_unknown=True)
    assert Contig.objects.get().sequence.accession == refget_accession(b"ACG")


def test_another_assembly_may_have_any_contigs() -> None:
    load(b">chr20\nACG\n>x\nACGT\n", "CHM13")
    load(b">chr20\nACG\n", "b380")


def test_hg19_may_have_the_older_mitochondrion() -> None:
    assert foreign("GRCh37", "chrM", 16_571, {ONE}) is None
    assert foreign("GRCh37", "MT", 16_569, {ONE}) is None
    assert foreign("GRCh38", "chrM", 16_571, {ONE}) is not None
    assert foreign("GRCh37", "20", 16_571, {ONE}) is not None


@pytest.mark.parametrize("build", sorted(CANONICAL))
def test_every_published_contig_is_of_its_build(build: str) -> None:
    for name, (length, accession) in CANONICAL[build].items():
        assert foreign(build, name, length, {accession}) is None
        assert foreign(build, f"chr{name}", length, {OTHER}) is None


@pytest.mark.parametrize("name", ["CHM13", "GRCm38", "mm39", "hg18", "tiny", "b3", "hg380"])
def test_other_names_mean_no_published_build(name: str) -> None:
    assert build_of(name) is None


def test_the_command_says_what_to_do_and_can_be_forced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fasta = tmp_path / "x.fa"
    fasta.write_bytes(b">chr20\nACGT\n")
    with pytest.raises(CommandError, match="--force-unknown") as refused:
        call_command("load_reference", "GRCh38", str(fasta))
    assert refused.value.returncode == 1
    call_command("load_reference", "GRCh38", str(fasta), "--force-unknown")
    assert "GRCh38 registered: 1 contigs" in capsys.readouterr().out
