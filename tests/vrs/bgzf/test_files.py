"""BGZF files written, walked and read at random places, against gzip, pysam and bgzip."""

from __future__ import annotations

import gzip
import io
import random
import shutil
import struct
import subprocess
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vcfjobs.errors import InvalidVcfError
from vcfjobs.vrs.bgzf.blocks import BLOCK_BYTES, END_BLOCK, DamagedStreamError, walk_blocks
from vcfjobs.vrs.bgzf.files import BgzfReader, BgzfWriter, read_gzi

HEADER = b"##fileformat=VCFv4.2\n##contig=<ID=chr1>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


def vcf_text(records: int) -> bytes:
    draw = random.Random(7)
    lines = (
        b"chr1\t%d\t.\tA\tG\t.\tPASS\tAC=%d;AN=2000\n" % (n, draw.randrange(2000)) for n in range(1, records)
    )
    return HEADER + b"".join(lines)


def compressed(text: bytes, cut: int | None = None) -> tuple[bytes, BgzfWriter]:
    sink = io.BytesIO()
    writer = BgzfWriter(sink)
    for start in range(0, len(text), cut or len(text) or 1):
        writer.write(text[start : start + cut] if cut else text)
    writer.close()
    return sink.getvalue(), writer


TEXT = vcf_text(20_000)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"x",
        TEXT,
        b"A" * BLOCK_BYTES,
        b"A" * (BLOCK_BYTES + 1),
        random.Random(1).randbytes(3 * BLOCK_BYTES),
    ],
    ids=["empty", "one byte", "vcf", "one full block", "one byte more", "incompressible"],
)
def test_what_is_written_is_read_back_by_gzip_and_htslib(text: bytes, tmp_path: Path) -> None:
    data, writer = compressed(text)
    path = tmp_path / "a.gz"
    path.write_bytes(data)
    with pysam.BGZFile(str(path), "r", None) as file:
        assert file.read() == text
    assert gzip.decompress(data) == text
    assert (writer.uncompressed_length, writer.compressed_length) == (len(text), len(data))


def test_a_file_ends_with_the_one_end_block_however_often_it_is_closed() -> None:
    sink = io.BytesIO()
    writer = BgzfWriter(sink)
    writer.write(TEXT)
    writer.close()
    writer.close()
    assert sink.getvalue().endswith(END_BLOCK)
    assert not sink.getvalue().endswith(END_BLOCK * 2)


@settings(max_examples=60, deadline=None)
@given(cuts=st.lists(st.integers(0, len(TEXT)), max_size=12))
def test_the_output_does_not_depend_on_how_the_writes_cut_the_text(cuts: list[int]) -> None:
    sink = io.BytesIO()
    writer = BgzfWriter(sink)
    edges = [0, *sorted(cuts), len(TEXT)]
    for start, stop in pairwise(edges):
        writer.write(TEXT[start:stop])
    writer.close()
    assert sink.getvalue() == compressed(TEXT)[0]


def test_a_caller_may_reuse_its_buffer_after_a_write() -> None:
    sink = io.BytesIO()
    writer = BgzfWriter(sink)
    buffer = bytearray(b"first")
    writer.write(buffer)
    buffer[:] = b"later"
    writer.close()
    assert gzip.decompress(sink.getvalue()) == b"first"


def test_tabix_indexes_and_finds_records(tmp_path: Path) -> None:
    path = tmp_path / "a.vcf.gz"
    path.write_bytes(compressed(TEXT)[0])
    pysam.tabix_index(str(path), preset="vcf")
    with pysam.TabixFile(str(path)) as file:
        assert [row.split("\t")[1] for row in file.fetch("chr1", 9_999, 10_002)] == [
            "10000",
            "10001",
            "10002",
        ]


def test_blocks_are_walked_by_their_headers_to_the_end_of_the_file() -> None:
    data, _ = compressed(TEXT)
    blocks = list(walk_blocks(io.BytesIO(data)))
    joined = b"".join(gzip.decompress(data[offset : offset + size]) for offset, size in blocks)
    assert joined == TEXT
    assert blocks[-1] == (len(data) - len(END_BLOCK), len(END_BLOCK))
    assert len(blocks) == -(-len(TEXT) // BLOCK_BYTES) + 1


@pytest.mark.parametrize("damage", [lambda data: data[:-40], lambda data: data + b"tail of something else"])
def test_a_walk_over_a_damaged_file_fails(damage: Callable[[bytes], bytes]) -> None:
    with pytest.raises(InvalidVcfError):
        list(walk_blocks(io.BytesIO(damage(compressed(TEXT)[0]))))


def test_blocks_with_further_extra_subfields_are_read() -> None:
    block, _ = compressed(b"hello\n")
    block = block[: -len(END_BLOCK)]
    extra = b"XX\x03\x00abc"
    size = len(block) + len(extra)
    longer = block[:10] + (6 + len(extra)).to_bytes(2, "little") + extra + b"BC\x02\x00"
    longer += (size - 1).to_bytes(2, "little") + block[18:]
    assert gzip.decompress(longer) == b"hello\n"
    assert list(walk_blocks(io.BytesIO(longer + END_BLOCK))) == [(0, size), (size, len(END_BLOCK))]


def test_the_index_of_a_whole_genome_costs_a_request_little_memory() -> None:
    blocks = 300_000  # 20 GB of text
    body = struct.pack("<Q", blocks) + struct.pack(f"<{2 * blocks}Q", *range(10**10, 10**10 + 2 * blocks))
    tracemalloc.start()
    index = read_gzi(io.BytesIO(body))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(index.compressed) == len(index.uncompressed) == blocks + 1
    assert index.compressed[-1] + 1 == index.uncompressed[-1] == 10**10 + 2 * blocks - 1
    assert peak < 5 * len(body)


def test_bgzip_finds_any_range_through_the_index(tmp_path: Path) -> None:
    bgzip = shutil.which("bgzip")
    if bgzip is None:
        pytest.skip("bgzip is not installed")
    data, writer = compressed(TEXT, 1_000)
    path = tmp_path / "a.gz"
    path.write_bytes(data)
    with open(f"{path}.gzi", "wb") as file:
        writer.write_index(file)
    for start, size in [(0, 10), (BLOCK_BYTES - 5, 10), (3 * BLOCK_BYTES, 70_000), (len(TEXT) - 7, 7)]:
        run = [bgzip, "-b", str(start), "-s", str(size), str(path)]
        assert subprocess.run(run, check=True, capture_output=True).stdout == TEXT[start : start + size]


def test_the_index_equals_that_of_bgzip(tmp_path: Path) -> None:
    bgzip = shutil.which("bgzip")
    if bgzip is None:
        pytest.skip("bgzip is not installed")
    data, writer = compressed(TEXT)
    path = tmp_path / "a.gz"
    path.write_bytes(data)
    subprocess.run([bgzip, "-r", str(path)], check=True)
    ours = io.BytesIO()
    writer.write_index(ours)
    theirs = read_gzi(io.BytesIO((tmp_path / "a.gz.gzi").read_bytes()))
    mine = read_gzi(io.BytesIO(ours.getvalue()))
    # bgzip -r also notes where the end block starts: no data lies behind it.
    count = len(mine.compressed)
    assert theirs.compressed[:count] == mine.compressed
    assert theirs.uncompressed[:count] == mine.uncompressed
    assert set(theirs.uncompressed[count:]) <= {len(TEXT)}


@settings(max_examples=80, deadline=None)
@given(ends=st.tuples(st.integers(0, len(TEXT) + 10), st.integers(0, len(TEXT) + 10)))
def test_any_range_read_through_the_index_is_the_slice(ends: tuple[int, int]) -> None:
    data, writer = compressed(TEXT)
    index = io.BytesIO()
    writer.write_index(index)
    reader = BgzfReader(io.BytesIO(data), read_gzi(io.BytesIO(index.getvalue())))
    assert b"".join(reader.read_range(*ends)) == TEXT[slice(*ends)]


def test_an_empty_file_has_an_empty_index_and_no_bytes() -> None:
    data, writer = compressed(b"")
    index = io.BytesIO()
    writer.write_index(index)
    assert index.getvalue() == bytes(8)
    assert list(BgzfReader(io.BytesIO(data), read_gzi(io.BytesIO(bytes(8)))).read_range(0, 10)) == []


def test_a_range_is_read_block_by_block() -> None:
    data, writer = compressed(TEXT)
    index = io.BytesIO()
    writer.write_index(index)
    reader = BgzfReader(io.BytesIO(data), read_gzi(io.BytesIO(index.getvalue())))
    assert max(map(len, reader.read_range(0, len(TEXT)))) <= BLOCK_BYTES


def test_a_cut_index_is_refused() -> None:
    _, writer = compressed(TEXT)
    index = io.BytesIO()
    writer.write_index(index)
    for size in (0, 7, len(index.getvalue()) - 1):
        with pytest.raises(DamagedStreamError):
            read_gzi(io.BytesIO(index.getvalue()[:size]))


def test_a_range_over_a_cut_block_fails_rather_than_ending_early() -> None:
    data, writer = compressed(TEXT)
    index = io.BytesIO()
    writer.write_index(index)
    reader = BgzfReader(io.BytesIO(data[:1_000]), read_gzi(io.BytesIO(index.getvalue())))
    with pytest.raises(DamagedStreamError):
        list(reader.read_range(0, 10))
