"""Registering a reference beside others, beside running runs, and when it is stopped or fails."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import resource
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from tests.conftest import PROJECT
from tests.factories import make_run, make_running
from vcfjobs.models import Assembly, Contig, Run, Sequence, Status
from vcfjobs.references import assemblies, register
from vcfjobs.references.register import LoadReport, ReferenceLoadError
from vcfjobs.vrs.digests import refget_accession
from vcfjobs.vrs.sequences.accessions import CANONICAL

pytestmark = [pytest.mark.django_db, pytest.mark.database]

ONE, OTHER = "SQ." + "1" * 32, "SQ." + "2" * 32


def load(content: bytes, name: str = "a", **options: Any) -> LoadReport:
    known: dict[str, Any] = {"accessions": {}, "canonical": False, "replace": False}
    return register.load_reference(
        name=name, fasta=io.BytesIO(content), source="a.fa", on_progress=lambda _: None, **(known | options)
    )


def folder() -> Path:
    return Path(settings.ANYVAR_SEQUENCE_DIR)


def flat_files() -> set[str]:
    return {path.name for path in folder().iterdir()} - {register.LOCK}


def finish_runs() -> None:
    Run.objects.update(status=Status.SUCCEEDED)


# --- replacing what is in use ------------------------------------------------------------------


def test_the_refusal_to_replace_says_how_many_runs_use_the_assembly() -> None:
    load(b">chr1\nACGT\n")
    make_run(assembly="a")
    make_running(assembly="a")
    make_running(assembly="b")
    with pytest.raises(ReferenceLoadError, match="2 runs that are queued or running use it"):
        load(b">chr1\nGGGG\n")


def test_a_running_run_can_still_open_contigs_of_the_assembly_that_was_replaced() -> None:
    load(b">chr1\nACGT\n>chr2\nCC\n")
    make_running(assembly="a")
    held = assemblies.open_assembly("a").contigs
    assert load(b">chr1\nGGGG\n", replace=True).left_for_later == 2
    assert held["chr2"][0:2] == b"CC"
    assert assemblies.open_assembly("a").contigs["chr1"][0:4] == b"GGGG"


def test_the_next_load_removes_what_running_runs_needed() -> None:
    load(b">chr1\nACGT\n>chr2\nCC\n")
    make_running(assembly="a")
    load(b">chr1\nGGGG\n", replace=True)
    load(b">x\nCC\n", name="b")  # names one of them again
    finish_runs()
    load(b">x\nCC\n", name="b")
    assert flat_files() == {refget_accession(b"CC"), refget_accession(b"GGGG")}


def test_a_replaced_sequence_keeps_its_row_for_the_alleles_on_it() -> None:
    load(b">chr1\nACGT\n")
    before = Sequence.objects.get().pk
    load(b">chr1\nGGGG\n", replace=True)
    load(b">chr1\nACGT\n", replace=True)
    assert Contig.objects.get().sequence_id == before


# --- names and accessions ----------------------------------------------------------------------


def test_contigs_of_one_content_keep_the_accessions_that_each_was_given() -> None:
    load(b">1\nNNNN\n>2\nNNNN\n>3\nNNNN\n", accessions={"1": ONE, "2": OTHER})
    contigs = assemblies.open_assembly("a").contigs
    own = refget_accession(b"NNNN")
    assert [contigs[name].accession for name in ("1", "2", "3")] == [ONE, OTHER, own]


@pytest.mark.parametrize("names", [("chrM", "chrMT"), ("chrMT", "chrM"), ("M", "MT")])
def test_of_two_mitochondria_each_alias_means_the_one_of_its_own_style(names: tuple[str, str]) -> None:
    load(">{}\nAAAA\n>{}\nCC\n".format(*names).encode())
    contigs = assemblies.open_assembly("a").contigs
    for bare in ("M", "MT"):
        assert contigs[bare] is contigs[f"chr{bare}"]
    assert contigs["M"] is not contigs["MT"]
    given = [alias for aliases in Contig.objects.values_list("aliases", flat=True) for alias in aliases]
    assert len(given) == len(set(given)) == 2


def test_a_published_accession_is_refused_for_a_contig_of_another_length() -> None:
    length, accession = CANONICAL["GRCh38"]["1"]
    with pytest.raises(ReferenceLoadError, match=f"{length:,}"):
        load(b">20\nNNNN\n", accessions={"20": accession})
    assert not Sequence.objects.exists()


def test_an_accession_that_is_known_with_another_length_is_refused() -> None:
    load(b">1\nNNNN\n", accessions={"1": ONE})
    with pytest.raises(ReferenceLoadError, match="cannot be the same sequence"):
        load(b">1\nNNNNN\n", name="b", accessions={"1": ONE})
    assert flat_files() == {refget_accession(b"NNNN")}


def test_a_name_that_differs_in_case_alone_is_refused() -> None:
    load(b">1\nACGT\n", name="Galgal")
    with pytest.raises(ReferenceLoadError, match="Galgal is registered"):
        load(b">1\nACGT\n", name="galgal")


@pytest.mark.parametrize(
    "name", ["", " a", "a b", "a\n", "a:b", "a/b", "-a", pytest.param("é", id="not ASCII"), "a" * 101]
)
def test_an_assembly_needs_a_plain_name(name: str) -> None:
    with pytest.raises(ReferenceLoadError, match="letters, digits"):
        load(b">1\nACGT\n", name=name)


def test_a_contig_name_beyond_the_column_is_refused() -> None:
    with pytest.raises(ReferenceLoadError, match="longer than 255"):
        load(b">" + b"x" * 256 + b"\nACGT\n")
    assert flat_files() == set()


def test_thousands_of_contigs_need_a_few_queries_and_no_file_descriptor(
    django_assert_max_num_queries: Callable[[int], Any],
) -> None:
    fasta = b"".join(b">contig_%d\n%b\n" % (n, b"ACGT" * (n + 1)) for n in range(1500))
    with django_assert_max_num_queries(60):
        load(fasta)
    before = len(os.listdir("/proc/self/fd"))
    contigs = assemblies.open_assembly("a").contigs
    assert len(contigs) == 1500
    assert len(os.listdir("/proc/self/fd")) <= before
    assert contigs["contig_1499"][0:4] == b"ACGT"


def test_the_list_says_whether_an_assembly_is_canonical(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(CANONICAL["GRCh38"], "1", (4, refget_accession(b"ACGT")))
    monkeypatch.setitem(CANONICAL["GRCh38"], "2", (4, ONE))
    load(b">1\nACGT\n", name="GRCh38")
    load(b">1\nACGT\n>2\nNNNN\n", name="GRCh38.masked")
    call_command("list_references", "-v", "2")
    whole, masked, deviation = capsys.readouterr().out.splitlines()
    assert whole.endswith("\tcanonical")
    assert masked.endswith("\t1 of 2 known contigs not canonical")
    assert deviation.split("\t") == [
        "  2",
        refget_accession(b"NNNN"),
        f"bytes: {refget_accession(b'NNNN')}",
        f"canonical: {ONE}",
    ]


# --- what goes wrong on the way ----------------------------------------------------------------


def test_two_loads_at_once_are_refused() -> None:
    with (folder() / register.LOCK).open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(ReferenceLoadError, match="right now"):
            load(b">1\nACGT\n")
    load(b">1\nACGT\n")


def test_what_a_killed_load_left_half_written_goes() -> None:
    (folder() / ".flat-killed").write_bytes(b"ACG")
    load(b">1\nACGT\n")
    assert flat_files() == {refget_accession(b"ACGT")}


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size` bytes: the kernel refuses as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_one_sentence_and_leaves_neither_rows_nor_files(tmp_path: Path) -> None:
    fasta = tmp_path / "x.fa"
    fasta.write_bytes(b">1\nACGT\n>2\n" + b"ACGT" * 500_000)
    with largest_file(1_000_000), pytest.raises(CommandError, match="a is not registered: File too large"):
        call_command("load_reference", "a", str(fasta))
    assert flat_files() == set()
    assert not Assembly.objects.exists()


# --- the command as a process ------------------------------------------------------------------


class CommandLine:
    """manage.py in a process of its own, on a database and a folder of its own."""

    def __init__(self, tmp_path: Path) -> None:
        self.sequences = tmp_path / "own" / "sequences"
        self.environment = os.environ | {
            "DATABASE_URL": f"sqlite:///{tmp_path}/own.sqlite3",
            "SECRET_KEY": "x" * 60,
            "ANYVAR_SEQUENCE_DIR": str(self.sequences),
            "ANYVAR_VCF_ASYNC_WORK_DIR": str(tmp_path / "own" / "work"),
        }

    def run(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
        known: dict[str, Any] = {"capture_output": True, "check": False, "timeout": 60}
        return subprocess.run(self.words(*arguments), **self.place(), **(known | options))

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self.words(*arguments), **self.place(), **options)

    def words(self, *arguments: str) -> list[str]:
        return [sys.executable, "manage.py", *arguments]

    def place(self) -> dict[str, Any]:
        return {"cwd": PROJECT, "env": self.environment}


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    """A migrated database of its own for processes."""
    line = CommandLine(tmp_path)
    line.run("migrate", "--verbosity", "0", check=True)
    return line


def wait_for(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def test_a_load_that_is_stopped_leaves_nothing_and_can_be_done_again(command_line: CommandLine) -> None:
    loading = command_line.start("load_reference", "a", "-", stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert loading.stdin is not None
    loading.stdin.write(b">1\nACGT\n>2\n" + b"ACGT\n" * 1_000_000)
    loading.stdin.flush()
    one = command_line.sequences / refget_accession(b"ACGT")
    wait_for(one.exists)
    loading.send_signal(signal.SIGTERM)
    _, said = loading.communicate(timeout=30)
    assert (loading.returncode, said) == (128 + signal.SIGTERM, b"")
    assert [path.name for path in command_line.sequences.iterdir()] == [register.LOCK]
    again = command_line.run("load_reference", "a", "-", input=b">1\nACGT\n")
    assert (again.returncode, again.stderr) == (0, b"")
    assert again.stdout.startswith(b"a registered: 1 contigs, 4 bases")
    repeated = command_line.run("load_reference", "a", "-", input=b">1\nACGT\n")
    assert (repeated.returncode, repeated.stderr) == (0, b"")
    assert repeated.stdout.startswith(b"a is already registered: 1 contigs")


def read_to_end(terminal: int) -> bytes:
    shown = b""
    with suppress(OSError):  # how a terminal whose other side is closed says that it ends
        while piece := os.read(terminal, 1 << 16):
            shown += piece
    os.close(terminal)
    return shown


def test_a_terminal_sees_a_bar_of_the_bytes_read(command_line: CommandLine, tmp_path: Path) -> None:
    fasta = tmp_path / "x.fa"
    fasta.write_bytes(b">1\n" + b"ACGT\n" * 200_000)
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    done = command_line.run(
        "load_reference", "a", str(fasta), capture_output=False, stdout=subprocess.PIPE, stderr=theirs
    )
    os.close(theirs)
    shown = read_to_end(ours)
    assert done.returncode == 0
    assert b"1.00M/1.00M" in shown


def test_a_database_that_was_never_migrated_is_said_in_one_sentence(tmp_path: Path) -> None:
    done = CommandLine(tmp_path).run("load_reference", "a", "-", input=b">1\nACGT\n")
    assert done.returncode == 1
    assert b"manage.py migrate" in done.stderr
    assert b"Traceback" not in done.stderr
