"""annotate_vcf as its users start it: exit codes, streams, signals, and nothing half-written."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.conftest import PROJECT, TINY_CONTIG
from tests.factories import HEADER, RECORDS, VCF
from tests.packing import bgzf
from tests.vrs.bcf.encoding import of_sites
from vcfjobs.vrs.bgzf.blocks import END_BLOCK

pytestmark = [pytest.mark.django_db]


class CommandLine:
    """manage.py in a process of its own; the assembly `tiny` is registered and the default."""

    def __init__(self, folder: Path) -> None:
        self.environment = os.environ | {
            "DATABASE_URL": f"sqlite:///{folder}/own.sqlite3",
            "SECRET_KEY": "x" * 60,
            "ANYVAR_SEQUENCE_DIR": str(folder / "sequences"),
            "ANYVAR_VCF_ASYNC_WORK_DIR": str(folder / "work"),
            "ANYVAR_DEFAULT_ASSEMBLY": "tiny",
            "ANYVAR_KERNEL": "off",  # its start takes longer than these small files
        }

    def manage(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
        known: dict[str, Any] = {"capture_output": True, "check": False, "timeout": 60}
        return subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=PROJECT, env=self.environment, **(known | options)
        )

    def annotate(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
        return self.manage("annotate_vcf", *arguments, **options)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        words = [sys.executable, "manage.py", "annotate_vcf", *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            words,
            cwd=PROJECT,
            env=self.environment,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            # As from a terminal: what is started in a script's background ignores Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )


@pytest.fixture(scope="module")
def command_line(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    line = CommandLine(tmp_path_factory.mktemp("command_line"))
    line.manage("migrate", "--verbosity", "0", check=True)
    fasta = f">chr1\n{TINY_CONTIG}\n>chrM\n{TINY_CONTIG[::-1]}\n".encode()
    line.manage("load_reference", "tiny", "-", input=fasta, check=True)
    return line


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.vcf"
    path.write_bytes(VCF)
    return path


def files_of(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_file()}


def test_standard_input_to_standard_output_with_the_summary_on_standard_error(
    command_line: CommandLine,
) -> None:
    done = command_line.annotate("-", input=gzip.compress(VCF))
    records = [line for line in done.stdout.splitlines() if not line.startswith(b"#")]
    assert done.returncode == 0
    assert len(records) == 3
    assert all(b"VRS_Allele_IDs=ga4gh:VA." in record for record in records)
    said = done.stderr.decode()
    assert "records: 3" in said
    assert "reference 3" in said
    assert "failed: 0" in said


def test_bcf_gives_the_records_of_the_same_vcf(command_line: CommandLine) -> None:
    done = [command_line.annotate("-", input=given) for given in (VCF, bgzf(of_sites(VCF)))]
    records = [[line for line in each.stdout.splitlines() if not line.startswith(b"#")] for each in done]
    assert len(records[0]) == 3
    assert records[0] == records[1]


def test_the_summary_names_failures_by_reason_and_unknown_contigs(
    tiny_assembly: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "in.vcf"
    path.write_text(HEADER + RECORDS + "chr1\t2\t.\tA\tG\t.\t.\t.\nchr9\t1\t.\tA\tG\t.\t.\t.\n")
    call_command("annotate_vcf", str(path), "-o", str(tmp_path / "out.vcf"), "--assembly", tiny_assembly)
    said = capsys.readouterr().err
    assert "records: 5" in said
    assert "failed: reference_mismatch 1" in said
    assert "records on unknown contigs: chr9 1" in said


def test_verbosity_0_says_nothing(
    tiny_assembly: str, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = str(tmp_path / "out.vcf")
    call_command("annotate_vcf", str(source), "-o", output, "--assembly", tiny_assembly, "-v", "0")
    printed = capsys.readouterr()
    assert printed.out + printed.err == ""


def test_the_options_decide_which_fields_are_written(
    tiny_assembly: str, source: Path, tmp_path: Path
) -> None:
    def fields(*options: str) -> list[str]:
        output = tmp_path / "out.vcf"
        call_command(
            "annotate_vcf", str(source), "-o", str(output), "--assembly", tiny_assembly, "-v", "0", *options
        )
        return output.read_text().splitlines()[-1].split("\t")[7].split(";")

    with_ref, alt_only, attributes = fields(), fields("--no-for-ref"), fields("--add-vrs-attributes")
    assert with_ref[1] == f"VRS_Allele_IDs={with_ref[1].split('=')[1].split(',')[0]}," + alt_only[1][15:]
    assert [field.split("=")[0] for field in attributes[2:]] == [
        "VRS_Starts",
        "VRS_Ends",
        "VRS_States",
        "VRS_Lengths",
        "VRS_RepeatSubunitLengths",
    ]


def test_output_that_ends_in_gz_is_bgzf(tiny_assembly: str, source: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.vcf.gz"
    call_command("annotate_vcf", str(source), "-o", str(output), "--assembly", tiny_assembly)
    assert output.read_bytes().endswith(END_BLOCK)
    assert gzip.decompress(output.read_bytes()).count(b"ga4gh:VA.") == 6


def test_several_threads_use_a_registered_assembly(tiny_assembly: str, source: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one.vcf.gz", tmp_path / "two.vcf.gz"
    for output, threads in ((one, "1"), (two, "2")):
        options = ["-o", str(output), "--assembly", tiny_assembly, "--threads", threads]
        call_command("annotate_vcf", str(source), *options)
    assert one.read_bytes() == two.read_bytes()


def test_a_link_as_output_stays_a_link_to_the_file_that_is_replaced(
    tiny_assembly: str, source: Path, tmp_path: Path
) -> None:
    target, link = tmp_path / "target.vcf", tmp_path / "link.vcf"
    target.write_bytes(b"old")
    link.symlink_to(target)
    call_command("annotate_vcf", str(source), "-o", str(link), "--assembly", tiny_assembly)
    assert link.is_symlink()
    assert target.read_bytes().startswith(b"##fileformat=VCF")


@pytest.mark.parametrize("last_line", ["chr1\tx\t.\tA\tG\t.\t.\t.\n", "chr1\n"])
def test_a_malformed_line_keeps_the_old_output_and_leaves_no_part(
    tiny_assembly: str, tmp_path: Path, last_line: str
) -> None:
    path, output = tmp_path / "in.vcf", tmp_path / "out.vcf"
    path.write_text(HEADER + RECORDS + last_line)
    output.write_bytes(b"old")
    with pytest.raises(CommandError, match="6") as caught:
        call_command("annotate_vcf", str(path), "-o", str(output), "--assembly", tiny_assembly)
    assert caught.value.returncode == 1
    assert output.read_bytes() == b"old"
    assert files_of(tmp_path) == {"in.vcf", "out.vcf"}


def test_what_is_not_vcf_ends_with_code_1_and_one_sentence(command_line: CommandLine) -> None:
    done = command_line.annotate("-", input=b"nonsense\n")
    assert (done.returncode, done.stdout) == (1, b"")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments", [["/nowhere/in.vcf"], ["--unknown-option"]])
def test_wrong_usage_ends_with_code_2_and_without_a_traceback(
    command_line: CommandLine, arguments: list[str]
) -> None:
    done = command_line.annotate(*arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["{here}"], "cannot be read: Is a directory"),
        (["{here}/in.vcf", "-o", "{here}"], "cannot be written: Is a directory"),
        (["{here}/in.vcf", "-o", "{here}/nowhere/out.vcf"], "cannot be written: No such file"),
        (["{here}/in.vcf", "--assembly", "unknown"], "'unknown' is not registered"),
    ],
)
def test_what_cannot_be_opened_is_wrong_usage_and_leaves_nothing(
    tiny_assembly: str, source: Path, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    before = files_of(tmp_path)
    given = [argument.format(here=tmp_path) for argument in arguments]
    with pytest.raises(CommandError, match=sentence) as refused:
        call_command("annotate_vcf", "--assembly", tiny_assembly, *given)
    assert refused.value.returncode == 2
    assert files_of(tmp_path) == before


def test_a_full_disk_ends_with_code_1_and_one_sentence(tiny_assembly: str, source: Path) -> None:
    with pytest.raises(CommandError) as failed:
        call_command("annotate_vcf", str(source), "-o", "/dev/full", "--assembly", tiny_assembly)
    assert str(failed.value) == "The file was not annotated: No space left on device."
    assert failed.value.returncode == 1


def test_a_full_disk_behind_standard_output_ends_with_code_1_and_one_sentence(
    command_line: CommandLine, source: Path
) -> None:
    with Path("/dev/full").open("wb") as full:
        done = command_line.annotate(str(source), capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [b"CommandError: The file was not annotated: No space left on device."]


@pytest.mark.parametrize("lines", [1, 5_000])  # written when the output is flushed, or before
def test_a_reader_that_goes_away_ends_it_quietly(
    command_line: CommandLine, tmp_path: Path, lines: int
) -> None:
    source = tmp_path / "in.vcf"
    source.write_bytes(HEADER.encode() + b"chr1\t1\t.\tA\tC\t.\tPASS\tDP=3\n" * lines)
    gone, ours = os.pipe()
    os.close(gone)
    done = command_line.annotate(str(source), capture_output=False, stdout=ours, stderr=subprocess.PIPE)
    os.close(ours)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_no_partial_file(
    command_line: CommandLine, tmp_path: Path, stop: signal.Signals
) -> None:
    running = command_line.start("-", "-o", str(tmp_path / "out.vcf"))
    assert running.stdin is not None
    running.stdin.write(VCF)
    running.stdin.flush()
    give_up = time.monotonic() + 30
    while not any(name.endswith(".part") for name in files_of(tmp_path)):
        assert time.monotonic() < give_up
        time.sleep(0.02)
    running.send_signal(stop)
    _, said = running.communicate(timeout=30)
    assert (running.returncode, said) == (128 + stop, b"")
    assert files_of(tmp_path) == set()
