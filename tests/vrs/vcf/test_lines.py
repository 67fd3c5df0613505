"""What is taken for VCF text, how it is cut into chunks, and how damaged and hostile files end."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.packing import bgzf, gzipped
from tests.vrs.bgzf.test_files import HEADER, vcf_text
from vcfjobs.errors import HostileInputError, InvalidVcfError, RunFailureError
from vcfjobs.vrs.bgzf.blocks import BLOCK_BYTES, END_BLOCK
from vcfjobs.vrs.vcf.lines import Limits, TextSource, open_text

PROJECT = Path(__file__).resolve().parents[3]
SMALL = vcf_text(1_000)
LARGE = vcf_text(150_000)
BCF = b"BCF\x04" + bytes(40)  # of the first version


def chunks(source: TextSource) -> Iterator[bytes]:
    while chunk := source.read_chunk():
        yield chunk


def read_all(data: bytes, limits: Limits | None = None) -> bytes:
    return b"".join(chunks(open_text(io.BytesIO(data), limits or Limits())))


class Trickle(io.RawIOBase):
    """A stream that gives a few bytes a call, as sockets do."""

    def __init__(self, data: bytes, step: int) -> None:
        self._inner = io.BytesIO(data)
        self._step = step

    def read(self, size: int = -1) -> bytes:
        return self._inner.read(min(size, self._step))


PACK: dict[str, Callable[[bytes], bytes]] = {"vcf": bytes, "vcf.gz": gzipped, "bgzf": bgzf}


@pytest.mark.parametrize("kind", PACK)
@pytest.mark.parametrize("text", [SMALL, LARGE], ids=["small", "large"])
def test_each_format_is_told_by_its_bytes_and_gives_its_text(kind: str, text: bytes) -> None:
    data = PACK[kind](text)
    source = open_text(io.BytesIO(data))
    assert source.format == kind
    parts = list(chunks(source))
    assert b"".join(parts) == text
    assert all(part.endswith(b"\n") for part in parts)
    assert max(map(len, parts)) < 3 << 20
    assert source.compressed_bytes == len(data)
    assert source.read_chunk() == b""


@pytest.mark.parametrize("kind", PACK)
def test_a_source_of_short_reads_gives_the_same_text(kind: str) -> None:
    data = PACK[kind](SMALL)
    assert b"".join(chunks(open_text(Trickle(data, 5)))) == SMALL  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", PACK)
def test_line_ends_are_kept_and_the_last_may_be_missing(kind: str) -> None:
    text = SMALL.replace(b"\n", b"\r\n").removesuffix(b"\r\n")
    assert read_all(PACK[kind](text)) == text


def test_sniffing_takes_little_of_a_large_file() -> None:
    source = open_text(io.BytesIO(LARGE * 4))
    assert source.compressed_bytes <= 2 << 20


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(0, len(SMALL)), max_size=8))
def test_gzip_members_may_cut_the_text_anywhere_and_be_empty(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(SMALL)]
    members = (gzipped(SMALL[a:b]) for a, b in pairwise(edges))
    assert read_all(b"".join(members)) == SMALL


@pytest.mark.parametrize("pack", [gzipped, bgzf], ids=["gzip", "bgzf"])
def test_zero_bytes_may_follow_the_last_member(pack: Callable[[bytes], bytes]) -> None:
    assert read_all(pack(SMALL) + bytes(200_000)) == SMALL


def test_bgzf_files_joined_end_to_end_are_one_text() -> None:
    assert read_all(bgzf(SMALL) + bgzf(b"chr1\t5\t.\tA\tC\t.\t.\t.\n")).endswith(b"\t5\t.\tA\tC\t.\t.\t.\n")


@pytest.mark.parametrize(
    ("data", "word"),
    [
        pytest.param(b"", "empty", id="empty"),
        pytest.param(b"\n\n", "empty", id="blank lines"),
        pytest.param(gzipped(b""), "empty", id="empty gzip"),
        pytest.param(END_BLOCK, "empty", id="empty bgzf"),
        pytest.param(BCF, "bcftools view -Oz", id="BCF"),
        pytest.param(gzipped(BCF), "bcftools view -Oz", id="BCF in gzip"),
        pytest.param(bgzf(BCF), "bcftools view -Oz", id="BCF in bgzf"),
        pytest.param(b'{"htsget": {"format": "VCF", "urls": []}}', "##fileformat", id="htsget ticket"),
        pytest.param(b"PK\x03\x04" + bytes(100), "zip", id="zip"),
        pytest.param(bytes(range(256)) * 10, "##fileformat", id="all bytes"),
        pytest.param(b"#CHROM\tPOS\n", "##fileformat", id="no first line"),
        pytest.param(gzipped(b"hello\n"), "##fileformat", id="text in gzip"),
        pytest.param(gzipped(bytes(1 << 20)), "##fileformat", id="zeros in gzip"),
    ],
)
def test_anything_but_vcf_is_refused_with_its_reason(data: bytes, word: str) -> None:
    with pytest.raises(InvalidVcfError) as refused:
        open_text(io.BytesIO(data))
    assert word in refused.value.sentence


@pytest.mark.parametrize("pack", [gzipped, bgzf], ids=["gzip", "bgzf"])
@pytest.mark.parametrize("keep", [11, 30, 0.5, -29, -5, -1])
def test_a_short_cut_file_is_refused_as_truncated(pack: Callable[[bytes], bytes], keep: float) -> None:
    data = pack(SMALL)
    cut = data[: int(len(data) * keep)] if isinstance(keep, float) else data[:keep]
    with pytest.raises(InvalidVcfError) as refused:
        read_all(cut)
    assert "truncated" in refused.value.sentence


@pytest.mark.parametrize("pack", [gzipped, bgzf], ids=["gzip", "bgzf"])
def test_a_long_cut_file_fails_as_truncated_when_the_cut_is_reached(pack: Callable[[bytes], bytes]) -> None:
    data = pack(LARGE)
    source = open_text(io.BytesIO(data[:-20]))
    assert source.read_chunk().startswith(HEADER)
    with pytest.raises(RunFailureError, match="truncated"):
        list(chunks(source))


def test_bgzf_without_its_end_block_is_truncated() -> None:
    with pytest.raises(InvalidVcfError, match="truncated"):
        read_all(bgzf(SMALL).removesuffix(END_BLOCK))


@pytest.mark.parametrize("pack", [gzipped, bgzf], ids=["gzip", "bgzf"])
def test_a_flipped_bit_anywhere_in_the_data_is_found(pack: Callable[[bytes], bytes]) -> None:
    data = pack(SMALL)
    for at in range(25, len(data) - 40, 397):
        broken = bytearray(data)
        broken[at] ^= 4
        with pytest.raises(InvalidVcfError):
            read_all(bytes(broken))


@pytest.mark.parametrize("pack", [gzipped, bgzf], ids=["gzip", "bgzf"])
def test_other_bytes_behind_the_last_member_are_damage(pack: Callable[[bytes], bytes]) -> None:
    with pytest.raises(InvalidVcfError, match="damaged"):
        read_all(pack(SMALL) + b"something else entirely")


def test_a_block_that_holds_more_than_it_announces_is_damage() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = packer.compress(HEADER + bytes(20_000_000)) + packer.flush()
    head = bgzf(HEADER)[:16] + (len(data) + 25).to_bytes(2, "little")
    block = head + data + zlib.crc32(HEADER).to_bytes(4, "little") + len(HEADER).to_bytes(4, "little")
    with pytest.raises(InvalidVcfError, match="damaged"):
        read_all(block + END_BLOCK)


@pytest.mark.parametrize("pack", [bytes, gzipped, bgzf], ids=["plain", "gzip", "bgzf"])
@pytest.mark.parametrize("limit", [200, 3 << 20])
def test_a_line_of_the_limit_passes_and_one_byte_more_does_not(
    pack: Callable[[bytes], bytes], limit: int
) -> None:
    line = b"A" * limit + b"\n"
    assert read_all(pack(HEADER + line), Limits(max_line=limit)).endswith(line)
    with pytest.raises(HostileInputError, match="line"):
        read_all(pack(HEADER + b"A" + line + SMALL), Limits(max_line=limit))


@pytest.mark.parametrize("pack", [bytes, gzipped, bgzf], ids=["plain", "gzip", "bgzf"])
def test_a_header_over_the_limit_is_hostile(pack: Callable[[bytes], bytes]) -> None:
    text = HEADER[:21] + b"##note=x\n" * 400_000 + HEADER[21:] + b"chr1\t1\t.\tA\tC\t.\t.\t.\n"
    size = text.rindex(b"chr1\t1")
    assert read_all(pack(text), Limits(max_header=size)) == text
    with pytest.raises(HostileInputError, match="header"):
        read_all(pack(text), Limits(max_header=size - 1))


def test_text_over_the_quota_is_hostile() -> None:
    assert read_all(bgzf(LARGE), Limits(max_decompressed=len(LARGE))) == LARGE
    with pytest.raises(HostileInputError, match="larger"):
        read_all(bgzf(LARGE), Limits(max_decompressed=len(LARGE) - 1))


def test_a_ratio_over_the_limit_is_hostile_after_the_first_100_mb() -> None:
    line = b"chr1\t1\t.\tA\tC\t.\t.\t" + b"A" * 1_000 + b"\n"
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [packer.compress(HEADER)]
    for megabytes in range(1, 131):
        parts.append(packer.compress(line * 980))
        if megabytes == 90:
            early = b"".join([*parts, packer.copy().flush()])
    data = b"".join([*parts, packer.flush()])
    assert sum(map(len, chunks(open_text(io.BytesIO(early))))) > 88_000_000
    with pytest.raises(HostileInputError, match="300 times"):
        for _ in chunks(open_text(io.BytesIO(data))):
            pass
    assert sum(map(len, chunks(open_text(io.BytesIO(data), Limits(max_ratio=2_000))))) > 120_000_000


def test_empty_members_by_the_thousand_end_in_seconds() -> None:
    text = SMALL * 60
    empty = gzipped(b"") * 300_000
    damaged = [gzipped(text) + empty, gzipped(text) + gzipped(b"\n") * 300_000]
    started = time.process_time()
    assert read_all(gzipped(SMALL) + gzipped(b"") * 9_000) == SMALL
    assert read_all(bgzf(SMALL) + END_BLOCK * 9_000) == SMALL
    for data in (*damaged, bgzf(text) + END_BLOCK * 100_000):
        with pytest.raises(RunFailureError, match="next to nothing"):
            read_all(data)
    with pytest.raises(InvalidVcfError, match="gzip members in a row"):
        open_text(io.BytesIO(empty + gzipped(SMALL)))
    assert time.process_time() - started < 10


BOMB = """
import io, re, sys, time, zlib
from vcfjobs.errors import VcfJobsError
from vcfjobs.vrs.vcf.lines import open_text
kind, head = sys.argv[1], b"##fileformat=VCFv4.2\\n"
if kind == "gzip":
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    data = packer.compress(head)
    for _ in range(1000):
        data += packer.compress(bytes(1_000_000))
    stream = io.BytesIO(data + packer.flush())
else:
    class Line(io.RawIOBase):
        left = 600_000_000
        def read(self, size=-1):
            out = head if self.left == 600_000_000 else b"A" * min(size, self.left)
            self.left -= len(out)
            return out
    stream = Line()
started = time.process_time()
try:
    source = open_text(stream)
    while source.read_chunk():
        pass
except VcfJobsError as error:
    # Not ru_maxrss, which a child inherits from the process that started it.
    peak = re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())
    print(type(error).__name__, int(peak[1]) // 1024, time.process_time() - started)
"""


@pytest.mark.parametrize("kind", ["gzip", "line"])
def test_a_bomb_ends_in_seconds_and_within_300_mb(kind: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", BOMB, kind], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    name, megabytes, seconds = run.stdout.split()
    assert name == "HostileInputError"
    assert int(megabytes) < 300
    assert float(seconds) < 5


def test_every_real_file_gives_the_text_that_gzip_gives(shared: Path) -> None:
    paths = [path for path in (shared / "data").rglob("*.vcf*") if path.name.endswith((".vcf", ".vcf.gz"))]
    paths = [path for path in paths if "vcf_spec_conformance" not in path.parts]
    assert len(paths) > 30
    for path in paths:
        data = path.read_bytes()
        text = gzip.decompress(data) if path.suffix == ".gz" else data
        assert read_all(data) == text, path.name


def test_a_plain_gzip_and_a_bgzf_of_the_same_records_differ_only_in_format(shared: Path) -> None:
    folder = shared / "data" / "grch37_chr1_1Mb"
    kinds = {"gnomad_r2_exomes_100.vcf.gz": "vcf.gz", "gnomad_r2_exomes_100.bgz.vcf.gz": "bgzf"}
    for name, kind in kinds.items():
        with open(folder / name, "rb") as raw:
            assert open_text(raw).format == kind
    assert BLOCK_BYTES == 65_280
