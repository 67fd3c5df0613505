"""A FASTA is flattened once; whatever happens meanwhile, only a finished copy is ever used."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.command_line.conftest import FASTA, Annotate, Start
from tests.conftest import TINY_CONTIG
from tests.factories import VCF
from tests.servers import wait_until
from vcfjobs.cache_folder import LOCK, locked
from vcfjobs.command_line import fasta_cache
from vcfjobs.command_line.failures import CommandFailedError
from vcfjobs.command_line.fasta_cache import BUILDING, CONTIGS, INDEX, Stored, stored
from vcfjobs.vrs.sequences.flatten import FlatContig, flatten


class Told:
    """Stores, and keeps what was told."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.lines: list[str] = []

    def store(self, fasta: Path) -> Stored:
        return stored(str(fasta), self.cache, self.lines.append)


@pytest.fixture
def told(cache: Path) -> Told:
    return Told(cache)


def folders(cache: Path) -> list[str]:
    """The names of all folders in the cache, also of hidden ones."""
    return sorted(path.name for path in cache.iterdir() if path.is_dir())


def test_a_fasta_is_stored_once_and_found_without_being_read_again(
    told: Told, fasta: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = told.store(fasta)
    monkeypatch.delattr(fasta_cache, "_digest")
    assert told.store(fasta) == first
    assert [(contig.name, contig.length) for contig in first.contigs] == [("chr1", 240), ("chrM", 240)]
    assert (first.folder / first.contigs[0].content).read_text() == TINY_CONTIG
    assert len(told.lines) == 1
    assert told.lines[0].startswith("storing the sequences of")


def test_a_file_that_was_moved_or_touched_is_read_but_not_stored_again(told: Told, fasta: Path) -> None:
    first = told.store(fasta)
    os.utime(fasta, (1, 1))
    assert told.store(fasta) == first
    moved = fasta.rename(fasta.with_name("moved.fa"))
    assert told.store(moved) == first
    assert len(told.lines) == 1


@pytest.mark.parametrize("size_stays", [True, False])
def test_a_file_that_was_changed_is_stored_anew(told: Told, fasta: Path, size_stays: bool) -> None:
    first = told.store(fasta)
    fasta.write_bytes(FASTA.replace(b"TTGC", b"TTTT") if size_stays else FASTA + b">chr3\nACGT\n")
    os.utime(fasta, (1, 1))
    second = told.store(fasta)
    assert second.folder != first.folder
    assert second.contigs != first.contigs


def test_a_compressed_copy_gives_the_same_contigs(told: Told, fasta: Path) -> None:
    packed = fasta.with_name("tiny.fa.gz")
    packed.write_bytes(gzip.compress(FASTA))
    assert told.store(packed).contigs == told.store(fasta).contigs


@pytest.mark.parametrize(
    "damage",
    [
        lambda found: (found.folder / found.contigs[0].content).unlink(),
        lambda found: (found.folder / found.contigs[0].content).write_text("ACGT"),
        lambda found: (found.folder / CONTIGS).unlink(),
        lambda found: (found.folder / CONTIGS).write_text("{"),
        lambda found: (found.folder / CONTIGS).write_text('{"format": 0, "contigs": []}'),
        lambda found: (found.folder.parent / INDEX).unlink(),
        lambda found: (found.folder.parent / INDEX).write_text("[]"),
        lambda found: (found.folder.parent / INDEX).write_text("{"),
    ],
    ids=["no sequence", "cut", "no contigs", "half contigs", "old", "no index", "no object", "half index"],
)
def test_a_cache_that_was_damaged_is_mended(
    told: Told, fasta: Path, damage: Callable[[Stored], object]
) -> None:
    first = told.store(fasta)
    damage(first)
    assert told.store(fasta) == first
    assert (first.folder / first.contigs[0].content).read_text() == TINY_CONTIG
    assert json.loads((told.cache / INDEX).read_text())[str(fasta)]["sha256"] == first.folder.name


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The FASTA is empty."),
        (b"ACGT\n", "does not begin with '>'"),
        (b">chr1\nACGT\n>chr2\n", "Contig chr2 of the FASTA has no bases."),
        (b">chr1\nACGT\n>chr1\nACGT\n", "two contigs with the name chr1"),
        (b">chr1\nMKLV-\n", "not nucleotide codes"),
        (gzip.compress(FASTA)[:-9], "truncated"),
    ],
)
def test_what_is_no_fasta_is_refused_and_leaves_nothing(
    told: Told, fasta: Path, content: bytes, sentence: str
) -> None:
    fasta.write_bytes(content)
    with pytest.raises(CommandFailedError, match=sentence) as refused:
        told.store(fasta)
    assert refused.value.returncode == 1
    assert [path.name for path in told.cache.iterdir()] == [LOCK]


def test_a_fasta_that_cannot_be_read_is_wrong_usage_and_makes_no_cache(told: Told, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.fa"
    os.mkfifo(pipe)
    keep = os.open(pipe, os.O_RDWR)
    for path, sentence in (
        (tmp_path / "no.fa", "No such file"),
        (tmp_path, "Is a directory"),
        (pipe, "is not a file"),
    ):
        with pytest.raises(CommandFailedError, match=sentence) as refused:
            told.store(path)
        assert refused.value.returncode == 2
    os.close(keep)
    assert not told.cache.exists()


def test_a_folder_that_cannot_be_written_is_told_in_a_sentence(fasta: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CommandFailedError, match=r"cannot be stored in .*: Not a directory\."):
        stored(str(fasta), tmp_path / "file" / "cache", print)


def test_a_file_that_changes_while_it_is_read_is_not_remembered(
    told: Told, fasta: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fasta_cache._digest

    def changed(*arguments: object) -> str:
        os.utime(fasta, (1, 1))
        return whole(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(fasta_cache, "_digest", changed)
    with pytest.raises(CommandFailedError, match="was changed while it was read"):
        told.store(fasta)
    assert not (told.cache / INDEX).exists()


def test_what_a_killed_command_left_is_never_used_and_is_removed(told: Told, fasta: Path) -> None:
    left = told.cache / f"{BUILDING}x"
    left.mkdir(parents=True)
    (left / CONTIGS).write_text("{}")
    found = told.store(fasta)
    assert folders(told.cache) == [found.folder.name]


def test_a_build_that_is_interrupted_leaves_nothing(
    told: Told, fasta: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: Any) -> Iterator[FlatContig]:
        yield next(flatten(*arguments))
        raise KeyboardInterrupt

    monkeypatch.setattr(fasta_cache, "flatten", interrupted)
    with pytest.raises(SystemExit) as ended:
        told.store(fasta)
    assert ended.value.code == 130
    assert [path.name for path in told.cache.iterdir()] == [LOCK]


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_stopped_leaves_nothing(
    start: Start, fasta: Path, cache: Path, stop: signal.Signals
) -> None:
    with fasta.open("wb") as file:
        file.write(b">chr1\n")
        file.truncate(1 << 40)  # zeros, which end the build only when they are read
    running = start("-")
    wait_until(lambda: (cache / LOCK).exists(), "the build has begun")
    running.send_signal(stop)
    _, said = running.communicate(timeout=30)
    assert (running.returncode, said) == (128 + stop, b"")
    assert folders(cache) == []


def test_two_commands_on_an_empty_cache_store_once_and_both_succeed(
    start: Start, annotate: Annotate, cache: Path
) -> None:
    with locked(cache):
        both = [start("-"), start("-")]
        for running in both:  # both have seen the empty cache
            assert running.stdin is not None
            assert running.stderr is not None
            assert running.stderr.readline().startswith(b"waiting for another command")
    done = [running.communicate(VCF, timeout=120) for running in both]
    assert [running.returncode for running in both] == [0, 0]
    assert done[0][0] == done[1][0]
    assert sum(said.count(b"storing the sequences") for _, said in done) == 1
    assert len(folders(cache)) == 1


def test_where_there_are_no_locks_two_builds_do_not_disturb_each_other(
    told: Told, fasta: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(*_: object) -> None:
        raise OSError("no locks")

    monkeypatch.setattr("fcntl.flock", unsupported)
    other = told.cache / f"{BUILDING}other"
    other.mkdir(parents=True)
    found = told.store(fasta)
    assert folders(told.cache) == [other.name, found.folder.name]


def test_a_lock_is_free_when_its_holder_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from vcfjobs.cache_folder import locked\n"
        f"with locked(Path({str(tmp_path)!r})): print(flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    holder.kill()
    holder.communicate()
    began = time.monotonic()
    with locked(tmp_path) as alone:
        assert alone
    assert time.monotonic() - began < 5
