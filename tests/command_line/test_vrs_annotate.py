"""vrs-annotate: a VCF and a FASTA in, the annotated VCF out, without anything that is set up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

from tests.command_line.conftest import Annotate, Start
from tests.conftest import PROJECT, TINY_CONTIG
from tests.factories import HEADER, RECORDS, VCF
from vcfjobs import __version__
from vcfjobs.command_line.reference import name_of
from vcfjobs.command_line.vrs_annotate import main
from vcfjobs.vrs.digests import refget_accession

OTHER_ACCESSION = "SQ." + "x" * 32


def annotated(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("name", ["out.vcf", "out.vcf.gz"])
def test_the_output_is_that_of_annotate_vcf_on_the_registered_assembly(
    annotate: Annotate, tiny_assembly: str, source: Path, tmp_path: Path, name: str
) -> None:
    ours, registered = tmp_path / name, tmp_path / f"registered.{name}"
    assert annotate(source, "-o", ours) == 0
    call_command("annotate_vcf", str(source), "-o", str(registered), "--assembly", tiny_assembly)
    assert ours.read_bytes() == registered.read_bytes()


def test_annotate_vcf_with_a_fasta_asks_no_database(source: Path, fasta: Path, tmp_path: Path) -> None:
    """pytest-django refuses every query in a test without its mark."""
    output = tmp_path / "out.vcf"
    options = ["--fasta", str(fasta), "--cache", str(tmp_path / "cache")]
    call_command("annotate_vcf", str(source), "-o", str(output), *options)
    assert len(annotated(output)) == 3


def test_it_loads_neither_django_nor_celery_and_asks_for_no_compiler_before_it_needs_one() -> None:
    code = (
        "import sys; from vcfjobs.command_line import vrs_annotate; "
        "print(*({'django', 'celery', 'numba', 'numpy', 'pysam'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, check=True)
    assert done.stdout == b"\n"


def test_it_works_without_any_settings(start: Start) -> None:
    out, said = start("-").communicate(VCF, timeout=120)
    assert out.count(b"VRS_Allele_IDs=ga4gh:VA.") == 3
    assert b"records: 3" in said


def test_the_version_names_itself_and_the_releases_of_vrs(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"vrs-annotate {__version__} (VRS 2.0.1 and 2.1.1)\n"


def test_quiet_prints_nothing_but_errors(
    annotate: Annotate, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert annotate(source, "-o", tmp_path / "out.vcf", "--quiet") == 0
    assert capsys.readouterr().err == ""
    assert annotate(tmp_path / "nowhere.vcf", "--quiet") == 2
    assert capsys.readouterr().err.endswith("nowhere.vcf cannot be read: No such file or directory.\n")


def test_a_given_accession_counts_instead_of_that_of_the_bytes(
    annotate: Annotate, source: Path, tmp_path: Path
) -> None:
    own, given, same = (tmp_path / f"{name}.vcf" for name in ("own", "given", "same"))
    assert annotate(source, "-o", own) == 0
    assert annotate(source, "-o", given, "--accession", f"chr1={OTHER_ACCESSION}") == 0
    accession = refget_accession(TINY_CONTIG.encode())
    assert annotate(source, "-o", same, "--accession", f"chr1={accession}") == 0
    assert annotated(own) == annotated(same) != annotated(given)


def test_the_assembly_only_names_the_reference(
    annotate: Annotate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "elsewhere.vcf"
    source.write_text(f"{HEADER}chr9\t1\t.\tA\tC\t.\t.\t.\n")
    assert annotate(source, "-o", tmp_path / "out.vcf") == 1
    assert "No record lies on a contig of tiny:" in capsys.readouterr().err
    assert annotate(source, "-o", tmp_path / "out.vcf", "--assembly", "mine") == 1
    assert "No record lies on a contig of mine:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/data/GRCh38.fa.gz", "GRCh38"),
        ("hg19.fasta", "hg19"),
        ("GCA_000001405.15_GRCh38.fna.bgz", "GCA_000001405.15_GRCh38"),
        ("human_g1k_v37.FA", "human_g1k_v37"),
        ("reference", "reference"),
    ],
)
def test_a_reference_is_named_after_its_file_without_suffixes(path: str, name: str) -> None:
    assert name_of(path) == name


def test_a_contig_that_is_not_the_canonical_one_is_told_unless_its_accession_was_chosen(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fasta = tmp_path / "GRCh38.fa"
    fasta.write_text(f">chr1\n{TINY_CONTIG}\n>chrM\n{'A' * 16_569}\n")
    options = ["--fasta", str(fasta), "--cache", str(tmp_path / "cache"), "-o", str(tmp_path / "out.vcf")]
    assert main([str(source), *options]) == 0
    assert "Contig chrM: the file's own accession is" in capsys.readouterr().err
    assert main([str(source), *options, "--canonical"]) == 0
    assert "Contig chrM" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--accession", "chr1"], "--accession takes NAME=SQ.…, not 'chr1'."),
        (["--accession", "chr1=SQ.short"], "'SQ.short' is not a refget accession"),
        (["--accession", f"chr7={OTHER_ACCESSION}"], "contigs that the FASTA does not have: chr7."),
        (["--canonical"], "tiny names none. Add --assembly GRCh38 or GRCh37."),
    ],
)
def test_options_that_do_not_fit_are_wrong_usage(
    annotate: Annotate, source: Path, capsys: pytest.CaptureFixture[str], options: list[str], sentence: str
) -> None:
    assert annotate(source, *options) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--threads", "0"], ["--threads", "x"], ["--threads", "-1"], []])
def test_wrong_numbers_and_missing_options_are_wrong_usage(source: Path, options: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(source), *options])
    assert ended.value.code == 2


@pytest.mark.django_db
@pytest.mark.parametrize(
    "options", [["--canonical"], ["--cache", "x"], ["--accession", f"chr1={OTHER_ACCESSION}"]]
)
def test_annotate_vcf_refuses_the_options_of_a_fasta_without_one(source: Path, options: list[str]) -> None:
    with pytest.raises(Exception, match=r"can only be used with --fasta\.") as refused:
        call_command("annotate_vcf", str(source), *options)
    assert getattr(refused.value, "returncode", None) == 2


def test_a_malformed_line_ends_it_with_code_1_and_leaves_nothing(
    annotate: Annotate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, folder = tmp_path / "in.vcf", tmp_path / "results"
    folder.mkdir()
    source.write_text(HEADER + RECORDS + "chr1\n")
    assert annotate(source, "-o", folder / "out.vcf.gz") == 1
    assert "vrs-annotate: Line 6 is not a VCF record" in capsys.readouterr().err
    assert list(folder.iterdir()) == []
