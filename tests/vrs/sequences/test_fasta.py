"""FASTA read as a stream and stored as flat files."""

from __future__ import annotations

import gzip
import io
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.packing import bgzf, gzipped
from vcfjobs.vrs.digests import refget_accession
from vcfjobs.vrs.sequences.flat_files import FastaError, FlatSequence, read_fasta, write_flat


def read(data: bytes) -> dict[str, bytes]:
    return {name: b"".join(chunks) for name, chunks in read_fasta(io.BytesIO(data))}


PACKS = pytest.mark.parametrize("pack", [bytes, gzipped, bgzf], ids=["plain", "gzip", "bgzf"])


@PACKS
def test_contigs_are_upper_cased_and_named_by_the_first_word(pack: Callable[[bytes], bytes]) -> None:
    data = pack(b">chr1 AC:CM000663.2  LN:8\nACgt\nNNac\n>HLA-A*01:01:01:01\tHLA00001\nRYK\n")
    assert read(data) == {"chr1": b"ACGTNNAC", "HLA-A*01:01:01:01": b"RYK"}


@pytest.mark.parametrize(
    ("text", "contigs"),
    [
        (b">a\r\nAC\r\nGT\r\n>b\r\nA\r\n", {"a": b"ACGT", "b": b"A"}),
        (b">a\nACGT", {"a": b"ACGT"}),
        (b"\n\n>a\n\nAC\n\nGT\n\n", {"a": b"ACGT"}),
        (b">a\n>b\nAC\n>c", {"a": b"", "b": b"AC", "c": b""}),
        (b">a\nAC GT\n", {"a": b"ACGT"}),
    ],
    ids=["CRLF", "no final newline", "blank lines", "empty contigs", "blanks in a line"],
)
def test_layout_does_not_matter(text: bytes, contigs: dict[str, bytes]) -> None:
    assert read(text) == contigs


def test_a_contig_longer_than_any_piece_comes_in_chunks_and_whole() -> None:
    bases = bytes(random.Random(3).choices(b"ACGTN", k=5_000_000))
    lines = b"\n".join(bases[at : at + 60] for at in range(0, len(bases), 60))
    for data in (b">x\n" + lines, gzip.compress(b">x\n" + lines, 1)):
        ((name, chunks),) = ((name, list(chunks)) for name, chunks in read_fasta(io.BytesIO(data)))
        assert name == "x"
        assert max(map(len, chunks)) < 2 << 20
        assert b"".join(chunks) == bases


@settings(max_examples=60, deadline=None)
@given(
    step=st.integers(1, 9),
    contigs=st.dictionaries(
        st.from_regex(r"[a-zA-Z0-9.:*-]{1,9}", fullmatch=True),
        st.text("ACGTacgtN", max_size=40).map(str.encode),
        min_size=1,
        max_size=5,
    ),
)
def test_where_the_source_cuts_its_reads_does_not_matter(step: int, contigs: dict[str, bytes]) -> None:
    class Trickle(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(step)

    text = b"".join(b">" + name.encode() + b" x\n" + bases + b"\n" for name, bases in contigs.items())
    # More than what sniffing takes at once, so that the short reads are seen.
    filler = b">filler\n" + b"A" * 70_000 + b"\n"
    found = {name: b"".join(chunks) for name, chunks in read_fasta(Trickle(filler + text))}
    assert found == {"filler": b"A" * 70_000} | {name: bases.upper() for name, bases in contigs.items()}


def test_chunks_left_unread_are_skipped() -> None:
    data = b">a\n" + b"ACGT\n" * 500_000 + b">b\nAC\n"
    assert [name for name, _ in read_fasta(io.BytesIO(data))] == ["a", "b"]


@pytest.mark.parametrize(
    ("data", "word"),
    [
        pytest.param(b"", "empty", id="empty"),
        pytest.param(b"  \n\n", "empty", id="blank lines"),
        pytest.param(b"ACGT\n", "does not begin with '>'", id="bases alone"),
        pytest.param(b"##fileformat=VCFv4.2\n", "does not begin with '>'", id="VCF"),
        pytest.param(b">a\nAC\n>a\nAC\n", "two contigs with the name a", id="a name twice"),
        pytest.param(b">\nAC\n", "no name", id="no name"),
        pytest.param(b"> \nAC\n", "no name", id="a blank name"),
        pytest.param(b">a\nAC1T\n", "Contig a", id="a digit"),
        pytest.param(b">a\nMKLVEQ\n", "not nucleotide codes", id="protein"),
        pytest.param(b">a\nAC\n@read\nGT\n", "Contig a", id="FASTQ"),
        pytest.param(b">a\nAC>b\nGT\n", "Contig a", id="a name within a line"),
        pytest.param(b">" + b"a" * 3_000_000, "too long", id="a name of 3 MB"),
        pytest.param(gzipped(b">a\nACGT\n" * 9)[:-9], "truncated", id="cut gzip"),
        pytest.param(bgzf(b">a\nACGT\n")[:-28], "truncated", id="cut bgzf"),
    ],
)
def test_what_is_not_a_fasta_fails_with_its_reason(data: bytes, word: str) -> None:
    with pytest.raises(FastaError) as refused:
        read(data)
    assert word in refused.value.sentence


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for flat files."""
    (tmp_path / "flat").mkdir()
    return tmp_path / "flat"


def test_a_stored_contig_is_named_by_its_digest_and_reads_back(folder: Path) -> None:
    bases = b"ACGTNACGT" * 1_000
    accession, length = write_flat([bases[:5], b"", bases[5:]], folder)
    assert (accession, length) == (refget_accession(bases), len(bases))
    assert [path.name for path in folder.iterdir()] == [accession]
    assert FlatSequence.open(folder / accession, accession, length)[3:9] == b"TNACGT"


def test_the_same_contig_is_stored_once_and_the_first_file_stays(folder: Path) -> None:
    accession, _ = write_flat([b"ACGT"], folder)
    inode = (folder / accession).stat().st_ino
    assert write_flat([b"AC", b"GT"], folder) == (accession, 4)
    assert [path.stat().st_ino for path in folder.iterdir()] == [inode]


def test_a_half_written_copy_is_replaced(folder: Path) -> None:
    (folder / refget_accession(b"ACGT")).write_bytes(b"AC")
    accession, _ = write_flat([b"ACGT"], folder)
    assert (folder / accession).read_bytes() == b"ACGT"


def test_nothing_stays_behind_when_the_source_fails(folder: Path) -> None:
    contigs = read_fasta(io.BytesIO(b">a\n" + b"AC\n" * 500_000 + b"1\n"))
    _, chunks = next(contigs)
    with pytest.raises(FastaError):
        write_flat(chunks, folder)
    assert list(folder.iterdir()) == []


def test_the_accession_of_each_real_fasta_is_the_known_one(shared: Path, folder: Path) -> None:
    row = re.compile(r"^\| (\S+\.fa\S*) \| (\S+) \| ([\d,]+) \| [\d,]+ \| (SQ\.\S+) \|$", re.MULTILINE)
    checked = 0
    for readme in sorted((shared / "data").glob("*/README.md")):
        known = {
            (file, contig): (accession, int(length.replace(",", "")))
            for file, contig, length, accession in row.findall(readme.read_text())
        }
        for file in {file for file, _ in known} - {"norm.iupac.fa"}:  # has digits among its residues
            with open(readme.parent / file, "rb") as stream:
                found = {(file, name): write_flat(chunks, folder) for name, chunks in read_fasta(stream)}
            expected = {key: value for key, value in known.items() if key[0] == file}
            assert {key: found[key] for key in expected} == expected
            checked += len(expected)
    assert checked == 18
