"""Joined tabix indexes find what an index of the whole finds."""

from __future__ import annotations

import gzip
import io
import random
from pathlib import Path

import pysam
import pytest

from vcfjobs.vrs.bgzf.blocks import END_BLOCK
from vcfjobs.vrs.bgzf.files import BgzfWriter
from vcfjobs.vrs.bgzf.tabix import TabixIndex, join_tabix

HEADER = b"##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


def records(seed: int) -> list[bytes]:
    """Sorted records on three contigs, now and then a deletion of up to 60 kb, and gaps without any."""
    draw = random.Random(seed)
    lines = []
    for contig in (b"chr1", b"chr2", b"chrX"):
        position = draw.randint(1, 200_000)
        for number in range(400):
            position += draw.choice((0, 1, 30, 3_000, 250_000 if number % 40 == 0 else 2))
            ref = b"A" * draw.choice((1, 1, 1, 60_000 if number % 90 == 0 else 5))
            lines.append(b"%s\t%d\tr%d\t%s\tC\t.\t.\t.\n" % (contig, position, number, ref))
    return lines


def write_part(path: Path, text: bytes) -> tuple[bytes, int]:
    with path.open("wb") as file:
        writer = BgzfWriter(file)
        writer.write(text)
        writer.close_part()
    pysam.set_verbosity(0)
    pysam.tabix_index(str(path), preset="vcf", index=f"{path}.tbi", force=True, keep_original=True)
    return gzip.decompress(Path(f"{path}.tbi").read_bytes()), writer.compressed_length


@pytest.mark.parametrize("seed", range(6))
def test_any_region_gives_the_same_records(tmp_path: Path, seed: int) -> None:
    lines = records(seed)
    draw = random.Random(seed)
    borders = sorted(draw.sample(range(1, len(lines)), 5))
    parts, offset = [], 0
    whole = tmp_path / "joined.vcf.gz"
    with whole.open("wb") as file:
        for number, (begin, end) in enumerate(zip([0, *borders], [*borders, len(lines)], strict=True)):
            path = tmp_path / f"{number}.gz"
            text = b"".join(lines[begin:end])
            index, size = write_part(path, (HEADER if number == 0 else b"") + text)
            parts.append((index, offset))
            offset += size
            file.write(path.read_bytes())
        file.write(END_BLOCK)
    out = io.BytesIO()
    writer = BgzfWriter(out)
    writer.write(join_tabix(parts))
    writer.close()
    Path(f"{whole}.tbi").write_bytes(out.getvalue())
    other = tmp_path / "whole.vcf.gz"
    other.write_bytes(whole.read_bytes())
    pysam.tabix_index(str(other), preset="vcf", force=True)
    with pysam.TabixFile(str(whole)) as ours, pysam.TabixFile(str(other)) as theirs:
        assert ours.contigs == theirs.contigs
        for contig in ours.contigs:
            assert list(ours.fetch(contig)) == list(theirs.fetch(contig))
            for _ in range(200):
                begin = draw.randint(0, 3_000_000)
                end = begin + draw.choice((1, 100, 20_000, 1_000_000))
                assert list(ours.fetch(contig, begin, end)) == list(theirs.fetch(contig, begin, end))


def test_what_was_read_is_written_again(tmp_path: Path) -> None:
    index, _ = write_part(tmp_path / "a.gz", HEADER + b"".join(records(1)))
    assert TabixIndex.parse(index).to_bytes() == index


def test_what_is_no_index_is_refused() -> None:
    with pytest.raises(ValueError, match="no tabix index"):
        TabixIndex.parse(b"CSI\x01" + bytes(60))
    with pytest.raises(ValueError, match="no parts"):
        join_tabix([])
