"""--threads: the same text and the same sentences as from one thread, and nothing that stays."""

from __future__ import annotations

import gzip
import signal
from pathlib import Path

import pytest

from tests.command_line.conftest import Annotate, Start
from tests.factories import HEADER, RECORDS
from tests.servers import wait_until
from vcfjobs.vrs.bgzf.blocks import END_BLOCK
from vcfjobs.vrs.bgzf.files import BgzfWriter

# Of about 5 MiB, so there are more chunks than may wait at the same time.
MANY = (HEADER + "".join(RECORDS.replace("DP=3", f"DP={number}") for number in range(60_000))).encode()


@pytest.fixture
def many(tmp_path: Path) -> Path:
    path = tmp_path / "many.vcf"
    path.write_bytes(MANY)
    return path


def bgzf(path: Path) -> Path:
    packed = path.with_name(f"{path.name}.gz")
    with packed.open("wb") as file:
        writer = BgzfWriter(file)
        writer.write(path.read_bytes())
        writer.close()
    return packed


@pytest.mark.parametrize("suffix", [".vcf", ".vcf.gz"])
@pytest.mark.parametrize("packed", [False, True])
def test_every_number_of_threads_gives_the_same_text(
    annotate: Annotate, many: Path, tmp_path: Path, suffix: str, packed: bool
) -> None:
    source = bgzf(many) if packed else many
    texts = []
    for threads in (1, 2, 3):
        output = tmp_path / f"{threads}{suffix}"
        assert annotate(source, "-o", output, "--threads", str(threads)) == 0
        written = output.read_bytes()
        if suffix == ".vcf.gz":
            assert written.endswith(END_BLOCK)
            assert written.count(END_BLOCK) == 1
            written = gzip.decompress(written)
        texts.append(written)
    assert texts[0] == texts[1] == texts[2]
    assert texts[0].count(b"VRS_Allele_IDs=ga4gh:VA.") == 180_000


def test_the_summary_is_the_same(
    annotate: Annotate, many: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = []
    many.write_bytes(MANY + b"chr1\t2\t.\tA\tG\t.\t.\t.\nchr9\t1\t.\tA\tG\t.\t.\t.\n")
    annotate(many, "-o", tmp_path / "warm-up.vcf", "-q")
    for threads in (1, 2):
        annotate(many, "-o", tmp_path / "out.vcf", "--threads", str(threads))
        said.append([line for line in capsys.readouterr().err.splitlines() if "/s)" not in line])
    assert said[0] == said[1]
    assert "failed: reference_mismatch 1" in said[0]


def test_a_file_without_records_needs_no_thread(annotate: Annotate, tmp_path: Path) -> None:
    source, output = tmp_path / "in.vcf", tmp_path / "out.vcf"
    source.write_text(HEADER)
    assert annotate(source, "-o", output, "--threads", "2") == 0
    assert output.read_text().count("\n") == 4


@pytest.mark.parametrize("damage", ["malformed", "malformed first", "truncated", "elsewhere", "header"])
def test_errors_are_those_of_one_thread(
    annotate: Annotate, many: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    text = MANY
    if damage == "malformed":
        text += b"chr1\n"
    elif damage == "malformed first":  # a later part of the file is damaged as well, and read before
        text = text.replace(b"DP=40000", b"DP=40000\nchr1", 1)
    elif damage == "elsewhere":
        text = text.replace(b"chr1\t", b"chr9\t")
    elif damage == "header":
        text = b"##fileformat=VCFv4.2\nchr1\n"
    many.write_bytes(text)
    source = bgzf(many)
    if damage in ("malformed first", "truncated"):
        source.write_bytes(source.read_bytes()[:-100])
    said = []
    folder = tmp_path / "results"
    folder.mkdir()
    annotate(source, "-o", folder / "warm-up.vcf", "-q")
    capsys.readouterr()
    for threads in (1, 2):
        assert annotate(source, "-o", folder / "out.vcf.gz", "--threads", str(threads)) == 1
        said.append(capsys.readouterr().err)
    assert said[0] == said[1]
    assert len(said[0].splitlines()) == 1
    assert ("Line 120004 is not" in said[0]) == (damage == "malformed first")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_no_output(start: Start, tmp_path: Path, stop: signal.Signals) -> None:
    results = tmp_path / "results"
    results.mkdir()
    running = start("-", "-o", str(results / "out.vcf.gz"), "--threads", "2")
    assert running.stdin is not None
    running.stdin.write(MANY)  # it has read most of it, and waits for more
    running.stdin.flush()
    wait_until(lambda: any(results.iterdir()), "it writes")
    running.send_signal(stop)
    _, said = running.communicate(timeout=30)
    assert running.returncode == 128 + stop
    assert b"Traceback" not in said
    assert list(results.iterdir()) == []


def test_a_reader_that_goes_away_ends_it_quietly(start: Start, many: Path) -> None:
    with start(many, "-q", "--threads", "2") as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.readline()
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode == 1
