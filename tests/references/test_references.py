"""Registering assemblies, and the commands that do it."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db.models import ProtectedError
from pytest_django import DjangoAssertNumQueries

from tests.conftest import PROJECT
from vcfjobs.errors import NoReferenceError, RunFailureError, UnknownAssemblyError, VcfJobsError
from vcfjobs.models import Assembly, Contig, Sequence
from vcfjobs.references import assemblies, register
from vcfjobs.vrs.digests import refget_accession
from vcfjobs.vrs.sequences.accessions import CANONICAL
from vcfjobs.vrs.sequences.flat_files import Reference

pytestmark = [pytest.mark.django_db, pytest.mark.database]

GIVEN = "SQ." + "x" * 32


def load(content: bytes, name: str = "a", **options: Any) -> register.LoadReport:
    known: dict[str, Any] = {"accessions": {}, "canonical": False, "replace": False}
    return register.load_reference(
        name=name, fasta=io.BytesIO(content), source="a.fa", on_progress=lambda _: None, **(known | options)
    )


def flat_files() -> set[str]:
    return {path.name for path in Path(settings.ANYVAR_SEQUENCE_DIR).iterdir()} - {register.LOCK}


def test_contigs_are_registered_in_order_with_their_digests_and_aliases() -> None:
    load(b">chr1\nACGT\n>MT\nGG\n>odd_name\nTT\n")
    rows = [(c.name, c.aliases, c.sequence.accession) for c in Contig.objects.order_by("ordinal")]
    assert rows == [
        ("chr1", ["1"], refget_accession(b"ACGT")),
        ("MT", ["chrM", "M", "chrMT"], refget_accession(b"GG")),
        ("odd_name", [], refget_accession(b"TT")),
    ]


def test_every_name_opens_the_same_sequence() -> None:
    load(b">chr1\nACGT\n>MT\nGG\n")
    contigs = assemblies.open_assembly("a").contigs
    assert contigs["chr1"][0:4] == contigs["1"][0:4] == b"ACGT"
    assert contigs["M"] is contigs["chrMT"]
    assert contigs.get("chr2") is None


def test_a_contigs_name_counts_before_anothers_alias() -> None:
    load(b">chr1\nACGT\n>1\nGG\n")
    contigs = assemblies.open_assembly("a").contigs
    assert (contigs["chr1"][0:4], contigs["1"][0:4]) == (b"ACGT", b"GG")


def test_loading_the_same_again_changes_nothing() -> None:
    load(b">chr1\nACGT\n")
    before = Assembly.objects.get().created
    assert load(gzip.compress(b">chr1 text\nAC\nGT\n")).already_there
    assert Assembly.objects.get().created == before


def test_other_content_is_refused_without_replace_and_leaves_no_file() -> None:
    load(b">chr1\nACGT\n")
    with pytest.raises(register.ReferenceLoadError, match="--replace"):
        load(b">chr1\nGGGG\n")
    assert flat_files() == {refget_accession(b"ACGT")}


def test_replacing_drops_what_nobody_names_and_is_seen_at_once() -> None:
    load(b">chr1\nACGT\n>chr2\nCC\n")
    load(b">x\nCC\n", name="b")
    held = assemblies.open_assembly("a").contigs["chr1"]
    load(b">chr1\nGGGG\n", replace=True)
    assert flat_files() == {refget_accession(b"CC"), refget_accession(b"GGGG")}
    assert assemblies.open_assembly("a").contigs["chr1"][0:4] == b"GGGG"
    assert held[0:4] == b"ACGT"  # who has it open keeps its bytes
    assert Sequence.objects.filter(accession=refget_accession(b"ACGT")).exists()


def test_a_sequence_that_something_points_to_cannot_go() -> None:
    load(b">chr1\nACGT\n")
    with pytest.raises(ProtectedError):
        Sequence.objects.get().delete()


def test_a_given_accession_is_used_and_the_file_keeps_its_own_name() -> None:
    load(b">20\nNNNN\n", accessions={"20": GIVEN})
    contig = Contig.objects.get()
    assert (contig.sequence.accession, contig.content) == (GIVEN, refget_accession(b"NNNN"))
    assert assemblies.open_assembly("a").contigs["20"].accession == GIVEN


def test_a_masked_copy_never_shadows_the_real_sequence() -> None:
    accession = refget_accession(b"ACGT")
    load(b">1\nACGT\n", name="real")
    load(b">1\nNCGT\n", name="masked", accessions={"1": accession})
    assert assemblies.open_assembly("real").contigs["1"][0:4] == b"ACGT"
    assert assemblies.open_assembly("masked").contigs["1"][0:4] == b"NCGT"


def test_canonical_takes_the_canonical_accession_by_name_and_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CANONICAL["GRCh38"], "1", (4, GIVEN))
    report = load(b">chr1\nNNNN\n>chrUn\nNNN\n", name="grch38.p14", canonical=True)
    assert [contig.accession for contig in report.contigs] == [GIVEN, refget_accession(b"NNN")]
    assert [contig.deviates for contig in report.contigs] == [True, False]


@pytest.mark.parametrize(
    ("content", "accessions"),
    [
        (b"", {}),
        (b">a\nAC\n>a\nGT\n", {}),
        (b">a\nAC\n>b\nA1\n", {}),
        (b">a\nAC\n>b\nMKLE\n", {}),
        (b">a\nAC\n>b\n>c\nAC\n", {}),
        (b">a\nAC\n>b\n", {}),
        (b">a\nAC\n", {"b": GIVEN}),
        (b">a\nAC\n", {"a": "SQ.short"}),
        (b">a\nAC\n>b\nACG\n", {"a": GIVEN, "b": GIVEN}),
    ],
)
def test_what_cannot_be_registered_leaves_neither_rows_nor_files(
    content: bytes, accessions: dict[str, str]
) -> None:
    with pytest.raises(VcfJobsError):
        load(content, accessions=accessions)
    assert not Assembly.objects.exists()
    assert not Sequence.objects.exists()
    assert flat_files() == set()


def test_contigs_of_one_content_share_a_file() -> None:
    load(b">a\nACGT\n>b\nACGT\n")
    assert len(flat_files()) == 1
    assert Contig.objects.count() == 2


def test_a_missing_flat_file_is_said_without_its_path() -> None:
    load(b">chr1\nACGT\n")
    for path in Path(settings.ANYVAR_SEQUENCE_DIR).iterdir():
        path.unlink()
    with pytest.raises(RunFailureError) as caught:
        assemblies.open_assembly("a").contigs["chr1"]
    assert "chr1" in caught.value.sentence
    assert str(settings.ANYVAR_SEQUENCE_DIR) not in caught.value.sentence


def test_damage_is_said_with_contig_and_assembly_and_repaired_by_the_same_fasta() -> None:
    fasta = b">chr1\nACGT\n>chr2\nGGGG\n"
    load(fasta)
    assert assemblies.damage_of("a") is None
    row = Contig.objects.get(name="chr2")
    (Path(settings.ANYVAR_SEQUENCE_DIR) / row.content).write_bytes(b"GG")
    damage = assemblies.damage_of("a")
    assert damage is not None
    assert "contig chr2 of a" in damage.sentence
    with pytest.raises(RunFailureError, match="contig chr2 of a"):
        assemblies.open_assembly("a").contigs["chr2"]
    assert load(fasta).already_there
    assert assemblies.damage_of("a") is None
    assert assemblies.open_assembly("a").contigs["chr2"][0:4] == b"GGGG"


def test_opening_again_is_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    load(b">chr1\nACGT\n")
    first: Reference = assemblies.open_assembly("a")
    with django_assert_num_queries(1):
        assert assemblies.open_assembly("a") is first


@pytest.mark.parametrize("name", ["GRCh38", "grch38", "hg38", "HG38"])
def test_an_assembly_is_found_by_its_names(name: str) -> None:
    load(b">chr1\nACGT\n", name="GRCh38", force_unknown=True)
    assert assemblies.resolve_assembly(name) == "GRCh38"


def test_an_assembly_that_is_not_registered_names_those_that_are() -> None:
    with pytest.raises(NoReferenceError):
        assemblies.resolve_assembly("a")
    load(b">chr1\nACGT\n")
    with pytest.raises(UnknownAssemblyError, match="Registered: a"):
        assemblies.resolve_assembly("b")


def test_the_command_names_each_deviation_and_the_choice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CANONICAL["GRCh38"], "1", (4, GIVEN))
    fasta = tmp_path / "x.fa"
    fasta.write_bytes(b">chr1\nNNNN\n")
    call_command("load_reference", "GRCh38", str(fasta))
    printed = capsys.readouterr()
    assert "GRCh38 registered: 1 contigs, 4 bases" in printed.out
    assert f"--accession chr1={GIVEN} or --canonical" in printed.err
    assert refget_accession(b"NNNN") in printed.err


@pytest.mark.parametrize(
    "arguments", [["a", "/nowhere.fa"], ["a", __file__], ["a", __file__, "--accession", "x"]]
)
def test_the_command_refuses_what_it_cannot_do(arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("load_reference", *arguments)


def test_the_list_shows_what_is_registered(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("list_references")
    assert "No assembly is registered" in capsys.readouterr().out
    load(b">20\nNNNN\n", accessions={"20": GIVEN})
    call_command("list_references", "-v", "2")
    printed = capsys.readouterr().out
    assert "a\t1 contigs\t4 bases\ta.fa" in printed
    assert GIVEN in printed


def test_the_demo_gets_the_identifiers_of_chromosome_20(tmp_path: Path) -> None:
    call_command(
        "load_reference",
        "GRCh37",
        str(PROJECT / "demo" / "GRCh37.chr20.fa.gz"),
        "--accession",
        "20=SQ.iy_UbUrvECxFRX5LPTH_KPojdlT7BKsf",
    )
    output = tmp_path / "out.vcf.gz"
    source = str(PROJECT / "demo" / "kgp_eur5.chr20.vcf.gz")
    call_command("annotate_vcf", source, "-o", str(output), "--assembly", "GRCh37")
    lines = [line for line in gzip.decompress(output.read_bytes()).splitlines() if not line.startswith(b"#")]
    assert len(lines) == 559
    assert all(b"VRS_Allele_IDs=ga4gh:VA." in line for line in lines)


def test_the_command_writes_bgzf_or_text_and_a_summary(
    tiny_assembly: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.factories import VCF

    source = tmp_path / "in.vcf"
    source.write_bytes(VCF)
    packed, plain = tmp_path / "out.vcf.gz", tmp_path / "out.vcf"
    for output in (packed, plain):
        call_command("annotate_vcf", str(source), "-o", str(output), "--assembly", "tiny")
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()
    summary = capsys.readouterr().err
    assert "records: 3" in summary
    assert "snv 1" in summary
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [
        "in.vcf",
        "out.vcf",
        "out.vcf.gz",
    ]


@pytest.mark.parametrize(
    ("content", "assembly", "code"),
    [
        (b"nonsense", "tiny", 1),
        (None, "tiny", 2),
        (b"nonsense", "unknown", 2),
    ],
)
def test_the_command_ends_with_its_exit_code_and_no_output(
    tiny_assembly: str, tmp_path: Path, content: bytes | None, assembly: str, code: int
) -> None:
    source, output = tmp_path / "in.vcf", tmp_path / "out.vcf"
    if content is not None:
        source.write_bytes(content)
    with pytest.raises(CommandError) as caught:
        call_command("annotate_vcf", str(source), "-o", str(output), "--assembly", assembly)
    assert caught.value.returncode == code
    assert not output.exists()


def test_a_device_as_output_is_written_into_and_stays_a_device(tiny_assembly: str, tmp_path: Path) -> None:
    import os
    import stat
    import threading

    from tests.factories import VCF

    source, pipe = tmp_path / "in.vcf", tmp_path / "pipe"
    source.write_bytes(VCF)
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    call_command("annotate_vcf", str(source), "-o", str(pipe), "--assembly", "tiny")
    reader.join(timeout=10)
    assert got[0].count(b"VRS_Allele_IDs=ga4gh:VA.") == 3
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_the_command_line_gives_exit_code_two_for_wrong_usage(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "annotate_vcf"],
        cwd=PROJECT,
        env={"DATABASE_URL": f"sqlite:///{tmp_path}/x", "SECRET_KEY": "x" * 60, "PATH": ""},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
