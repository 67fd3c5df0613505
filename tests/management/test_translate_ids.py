"""translate_ids: pairs of a VCF and of a list, each once; what is unknown is named."""

from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from tests.factories import HEADER, VCF, make_run, store_input
from vcfjobs.models import Allele, Assembly, Sequence
from vcfjobs.registry import translate_list
from vcfjobs.vrs.digests import vrs_allele
from vcfjobs.worker import executor

pytestmark = [pytest.mark.django_db(transaction=True)]

COLUMNS = "VRS_2.0\tVRS_2.1\n"
UNKNOWN = "ga4gh:VA." + "A" * 32


@pytest.fixture
def pair(tiny_assembly: str) -> tuple[str, str]:
    """The insertion of VCF under both versions."""
    accession = Sequence.objects.get(contigs__name="chr1").accession
    one, other = (
        vrs_allele(accession, 21, 30, length=11, repeat_subunit_length=subunit)["id"] for subunit in (2, 1)
    )
    return one, other


@pytest.fixture
def registered(tiny_assembly: str, settings: Settings) -> list[str]:
    """The identifiers of VCF's alleles, all registered."""
    settings.ANYVAR_REGISTER = True
    run = make_run()
    store_input(run)
    executor.run(run.pk, task_id="t", worker="w")
    return [str(allele) for allele in Allele.objects.order_by("start", "digest")]


def translate(tmp_path: Path, content: bytes, *options: str) -> str:
    """What the command writes."""
    source, output = tmp_path / "in", tmp_path / "out.tsv"
    source.write_bytes(content)
    call_command("translate_ids", str(source), "-o", str(output), "--assembly", "tiny", *options)
    return output.read_text()


def annotated(tmp_path: Path, *options: str) -> bytes:
    source, output = tmp_path / "plain.vcf", tmp_path / "annotated.vcf"
    source.write_bytes(VCF)
    call_command("annotate_vcf", str(source), "-o", str(output), "--assembly", "tiny", "-v", "0", *options)
    return output.read_bytes()


# --- a VCF -------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["2.0", "2.1"])
def test_a_vcf_of_either_version_gives_the_same_pairs(
    pair: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], version: str
) -> None:
    content = annotated(tmp_path, "--vrs-version", version)
    assert translate(tmp_path, content) == COLUMNS + "\t".join(pair) + "\n"
    said = capsys.readouterr().err
    assert "records: 3" in said
    assert "identifiers in the file: 6" in said
    assert "identifiers of neither version: 0" in said
    assert "pairs that differ: 1" in said


def test_a_compressed_vcf_from_standard_input_to_standard_output(
    pair: tuple[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    content = gzip.compress(annotated(tmp_path))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    call_command("translate_ids", "-", "--assembly", "tiny", "-v", "0")
    printed = capsysbinary.readouterr()
    assert printed.out.decode() == COLUMNS + "\t".join(pair) + "\n"
    assert printed.err == b""


def test_a_pair_is_written_once_in_the_order_of_first_appearance(
    pair: tuple[str, str], tmp_path: Path
) -> None:
    later = "chr1\t67\t.\tG\tGTGTG\t.\t.\t.\n"  # a repeat further on
    again = "chr1\t25\t.\tA\tAAA\t.\t.\t.\n"  # the first insertion, written at another place
    content = HEADER + later + VCF.decode().removeprefix(HEADER) + again + later
    lines = translate(tmp_path, content.encode()).splitlines()
    assert len(lines) == 3
    assert lines[2] == "\t".join(pair)


def test_output_that_ends_in_gz_is_compressed(pair: tuple[str, str], tmp_path: Path) -> None:
    output = tmp_path / "out.tsv.gz"
    source = tmp_path / "in.vcf"
    source.write_bytes(VCF)
    call_command("translate_ids", str(source), "-o", str(output), "--assembly", "tiny")
    assert gzip.decompress(output.read_bytes()).decode() == COLUMNS + "\t".join(pair) + "\n"


def test_an_unknown_assembly_is_wrong_usage_and_leaves_nothing(tiny_assembly: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="not registered") as refused:
        translate(tmp_path, VCF, "--assembly", "nope")
    assert refused.value.returncode == 2
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["in"]


def test_a_vcf_whose_identifiers_are_all_wrong_fails(tiny_assembly: str, tmp_path: Path) -> None:
    content = annotated(tmp_path).replace(b"ga4gh:VA.", b"ga4gh:VA.x")
    with pytest.raises(CommandError, match="None of the file's 6 identifiers") as refused:
        translate(tmp_path, content)
    assert refused.value.returncode == 1


# --- a list ------------------------------------------------------------------------------------


def test_a_list_of_registered_identifiers_gives_the_pairs_among_them(
    pair: tuple[str, str], registered: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert translate(tmp_path, "\n".join(registered).encode()) == COLUMNS + "\t".join(pair) + "\n"
    said = capsys.readouterr().err
    assert "identifiers: 6" in said
    assert "not registered: 0" in said
    assert "pairs that differ: 1" in said


def test_an_identifier_of_2_1_is_translated_back(pair: tuple[str, str], tmp_path: Path) -> None:
    Allele.objects.create(
        digest=pair[1].removeprefix("ga4gh:VA."),
        sequence=Sequence.objects.get(contigs__name="chr1"),
        start=21,
        end=30,
        span=1,
        length=11,
        repeat_subunit_length=1,
    )
    assert translate(tmp_path, f"{pair[1]}\r\n\r\n{pair[1]}".encode()) == COLUMNS + "\t".join(pair) + "\n"


def test_unknown_identifiers_are_counted_and_the_first_are_named(
    registered: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(translate_list, "UNKNOWN_NAMED", 2)
    location = "ga4gh:SL." + "B" * 32
    translate(tmp_path, "\n".join([UNKNOWN, location, *registered, UNKNOWN]).encode())
    said = capsys.readouterr().err
    assert f"not registered: 3\n  {UNKNOWN}\n  {location}\n  …\n" in said


def test_the_parts_of_a_long_list_are_asked_for_one_after_another(
    pair: tuple[str, str], registered: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(translate_list, "IDS_A_QUERY", 2)
    assert translate(tmp_path, "\n".join(registered * 2).encode()) == COLUMNS + "\t".join(pair) + "\n"


def test_what_cannot_be_decided_is_said(
    registered: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Assembly.objects.all().delete()
    assert translate(tmp_path, "\n".join(registered).encode()) == COLUMNS
    assert "without a registered reference, left out: 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (f"{UNKNOWN}\n{UNKNOWN}\n", "None of the 2 identifiers is registered here."),
        ("", "The file holds no identifiers."),
        ("\n\n", "The file holds no identifiers."),
        (f"{UNKNOWN}\nvrs_id\n", "Line 2 is not a VRS identifier"),
        ("\x89PNG\r\n\x00\n", "Line 1 is not a VRS identifier"),
        (f"\n{UNKNOWN}\n{UNKNOWN} x\n", "Line 3 is not a VRS identifier"),
    ],
    ids=["all unknown", "empty", "empty lines", "a name", "binary", "two words"],
)
def test_a_list_of_nothing_known_fails_and_keeps_the_old_output(
    tiny_assembly: str, tmp_path: Path, content: str, sentence: str
) -> None:
    (tmp_path / "out.tsv").write_text("old")
    with pytest.raises(CommandError, match=sentence) as refused:
        translate(tmp_path, content.encode("latin-1"))
    assert refused.value.returncode == 1
    assert (tmp_path / "out.tsv").read_text() == "old"
    assert not list(tmp_path.glob(".*.part"))
