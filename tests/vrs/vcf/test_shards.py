"""Cutting a file into shards loses no line, doubles none, and depends on the file alone."""

from __future__ import annotations

import io
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vcfjobs.errors import InvalidVcfError, RunFailureError
from vcfjobs.vrs.bgzf.blocks import END_BLOCK
from vcfjobs.vrs.bgzf.files import BgzfWriter, join_indexes
from vcfjobs.vrs.vcf.shards import cut, lines_before, open_shard

HEADER = b"##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


def bgzf(text: bytes, block: int | None = None) -> bytes:
    """`text` as BGZF, in blocks of `block` bytes where that is given."""
    out = io.BytesIO()
    step = block or max(len(text), 1)
    for begin in range(0, len(text), step):
        writer = BgzfWriter(out)
        writer.write(text[begin : begin + step])
        writer.close_part()
    return out.getvalue() + END_BLOCK


def shards_of(data: bytes, kind: str, shard_bytes: int, header_bytes: int = 0) -> list[bytes]:
    file = io.BytesIO(data)
    texts = []
    for start, end in cut(file, kind, len(data), shard_bytes, header_bytes):
        source = open_shard(file, kind, start, end)
        texts.append(b"".join(iter(source.read_chunk, b"")))
    return texts


lines = st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")), max_size=40)


@given(lines, st.booleans(), st.integers(1, 200), st.integers(1, 60))
@settings(max_examples=300, deadline=None)
def test_the_shards_on_end_are_the_file(
    lines: list[bytes], ends_with_newline: bool, shard_bytes: int, block: int
) -> None:
    text = b"\n".join(lines) + (b"\n" if ends_with_newline else b"")
    for kind, data in (("plain", text), ("bgzf", bgzf(text, block))):
        texts = shards_of(data, kind, shard_bytes)
        assert b"".join(texts) == text
        begun = [part for part in texts if part]
        assert all(part.endswith(b"\n") for part in begun[:-1])


@pytest.mark.parametrize("kind", ["plain", "bgzf"])
@pytest.mark.parametrize("at", range(9))
def test_a_border_on_and_beside_a_line_end(kind: str, at: int) -> None:
    text = b"ab\n\ncd\nefgh"
    data = text if kind == "plain" else bgzf(text[:at], None)[: -len(END_BLOCK)] + bgzf(text[at:])
    border = at if kind == "plain" else len(data) - len(bgzf(text[at:]))
    file = io.BytesIO(data)
    parts = [
        b"".join(iter(open_shard(file, kind, start, end).read_chunk, b""))
        for start, end in ((0, border), (border, len(data)))
        if end > start
    ]
    assert b"".join(parts) == text


def test_shards_are_even_and_none_is_above_the_limit_by_more_than_a_block() -> None:
    text = random.Random(1).randbytes(900_000).replace(b"\n", b" ")
    data = bgzf(text, 5000)
    ranges = cut(io.BytesIO(data), "bgzf", len(data), 100_000, 0)
    assert [start for start, _ in ranges[1:]] == [end for _, end in ranges[:-1]]
    assert (ranges[0][0], ranges[-1][1]) == (0, len(data))
    assert max(end - start for start, end in ranges) <= 100_000 + 6000
    assert len(ranges) == -(-len(data) // 100_000)


def test_a_header_is_never_cut() -> None:
    text = HEADER + b"chr1\t1\n" * 100
    first = cut(io.BytesIO(text), "plain", len(text), 20, len(HEADER))[0]
    assert first[1] >= len(HEADER)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda data: data[:-40], "truncated"),
        (lambda data: data[: -len(END_BLOCK)], "end block is missing"),
        (lambda data: data + b"more", "no BGZF header"),
    ],
)
def test_damaged_bgzf_is_refused_when_it_is_cut(damage, sentence: str) -> None:  # type: ignore[no-untyped-def]
    data = damage(bgzf(b"line\n" * 50_000, 1000))
    with pytest.raises(InvalidVcfError, match=sentence):
        cut(io.BytesIO(data), "bgzf", len(data), 500, 0)


def test_zero_bytes_behind_the_end_block_are_no_damage() -> None:
    data = bgzf(b"line\n" * 100, 50) + bytes(100)
    assert b"".join(shards_of(data, "bgzf", 300)) == b"line\n" * 100


@pytest.mark.parametrize("kind", ["plain", "bgzf"])
def test_lines_are_counted_up_to_a_shard(kind: str) -> None:
    text = b"".join(b"line %d\n" % number for number in range(1000))
    data = text if kind == "plain" else bgzf(text, 333)
    file = io.BytesIO(data)
    before = 0
    for start, end in cut(file, kind, len(data), len(data) // 7, 0):
        if start:
            assert lines_before(file, kind, start, lambda: None) == before
        chunk = b"".join(iter(open_shard(file, kind, start, end).read_chunk, b""))
        before += chunk.count(b"\n")


@pytest.mark.parametrize("sizes", [[70_000, 200_000, 10], [0, 70_000, 0, 5], [5], [0, 0]])
def test_the_index_of_parts_set_on_end_is_that_of_the_whole(sizes: list[int]) -> None:
    whole, parts = io.BytesIO(), []
    for number, size in enumerate(sizes):
        writer = BgzfWriter(whole)
        writer.write(random.Random(number).randbytes(size))
        writer.close_part()
        parts.append((writer.index, writer.compressed_length, writer.uncompressed_length))
    joined = join_indexes(parts)
    starts, at = [], 0
    data = whole.getvalue()
    from vcfjobs.vrs.bgzf.blocks import walk_blocks

    for offset, _ in walk_blocks(io.BytesIO(data + END_BLOCK)):
        starts.append(offset)
    assert list(joined.compressed) == (starts[:-1] or [0])
    for index, _, text_size in parts:
        for inside in index.uncompressed if text_size else ():
            assert at + inside in joined.uncompressed
        at += text_size


@pytest.mark.parametrize("filler", [b"", b"x"])
def test_thousands_of_empty_blocks_are_refused_before_they_cost_anything(filler: bytes) -> None:
    block = END_BLOCK if not filler else bgzf(filler)[: -len(END_BLOCK)]
    data = bgzf(HEADER)[: -len(END_BLOCK)] + block * 30_000 + END_BLOCK
    with pytest.raises(InvalidVcfError, match="next to nothing"):
        cut(io.BytesIO(data), "bgzf", len(data), 10_000, 10)
    source = open_shard(io.BytesIO(data), "bgzf", 0, len(data))
    with pytest.raises((InvalidVcfError, RunFailureError), match="next to nothing"):
        list(iter(source.read_chunk, b""))


def test_a_check_on_the_way_may_stop_the_counting_and_the_cutting() -> None:
    text = b"line\n" * 1_000_000

    def stop() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        lines_before(io.BytesIO(text), "plain", len(text), stop)
    data = bgzf(text, 100_000)
    with pytest.raises(TimeoutError):
        cut(io.BytesIO(data), "bgzf", len(data), 10_000, 0, stop)
