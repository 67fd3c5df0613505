"""Flat sequences, contig names in two styles, and the canonical accessions."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcfjobs.vrs.digests import ACCESSION, refget_accession
from vcfjobs.vrs.sequences.accessions import CANONICAL
from vcfjobs.vrs.sequences.fasta import write_flat
from vcfjobs.vrs.sequences.flat_files import (
    SMALLEST_MAPPED,
    FlatSequence,
    SequenceFileError,
    aliases,
    canonical,
)


def test_a_sequence_in_memory_is_upper_cased_and_named_by_its_digest() -> None:
    sequence = FlatSequence.from_bytes(b"acgtN")
    assert sequence.bases == b"ACGTN"
    assert sequence.accession == refget_accession(b"ACGTN")
    assert FlatSequence.from_bytes(b"ACGT", "SQ.other").accession == "SQ.other"


@given(start=st.integers(0, 12), stop=st.integers(0, 12))
def test_slices_are_bytes_cut_at_the_end_of_the_contig(start: int, stop: int) -> None:
    sequence = FlatSequence.from_bytes(b"ACGTNACGT")
    assert sequence[start:stop] == b"ACGTNACGT"[start:stop]
    assert len(sequence) == 9


def test_a_mapped_file_gives_the_same_slices_as_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"ACGTNACGT")
    sequence = FlatSequence.open(path, "SQ.x", 9)
    assert (len(sequence), sequence[2:5], sequence[7:99], sequence[20:30]) == (9, b"GTN", b"GT", b"")
    assert isinstance(sequence[0:3], bytes)
    with pytest.raises(TypeError):
        sequence.bases[0] = 65  # type: ignore[index]


def test_an_empty_sequence_can_be_opened(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    sequence = FlatSequence.open(tmp_path / "x", "SQ.x", 0)
    assert (len(sequence), sequence[0:5]) == (0, b"")


def test_a_file_that_is_missing_or_of_another_size_is_refused_without_its_path(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"ACGT")
    for name, length in [("x", 5), ("missing", 4)]:
        with pytest.raises(SequenceFileError) as refused:
            FlatSequence.open(tmp_path / name, "SQ.x", length)
        assert "SQ.x" in refused.value.sentence
        assert str(tmp_path) not in refused.value.sentence


def test_short_sequences_hold_no_file_descriptor(tmp_path: Path) -> None:
    accession, length = write_flat([b"ACGT"], tmp_path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    held = [FlatSequence.open(tmp_path / accession, accession, length) for _ in range(50)]
    assert len(list(Path("/proc/self/fd").iterdir())) < before + len(held)


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("1", ["chr1"]),
        ("chr22", ["22"]),
        ("X", ["chrX"]),
        ("chrY", ["Y"]),
        ("MT", ["chrM", "M", "chrMT"]),
        ("chrM", ["MT", "M", "chrMT"]),
        ("HLA-A*01:01:01:01", []),
        ("chrUn_KI270302v1", []),
    ],
)
def test_names_of_both_styles_are_aliases(name: str, others: list[str]) -> None:
    assert aliases(name) == others


@given(st.sampled_from([*map(str, range(1, 23)), "X", "Y", "MT", "M", "chrM", "chr1", "chrX", "chrMT"]))
def test_aliases_are_mutual(name: str) -> None:
    assert all(name in aliases(other) for other in aliases(name))


@pytest.mark.parametrize("name", ["chrM", "M", "MT", "chrMT"])
@pytest.mark.parametrize("assembly", ["GRCh37", "GRCh38"])
def test_the_mitochondrion_is_canonical_under_each_of_its_names(assembly: str, name: str) -> None:
    assert canonical(assembly, name, 16_569) == "SQ.k3grVkjY-hoWcCUojHw6VU6GE3MZ8Sct"


def test_a_canonical_accession_needs_the_assembly_the_name_and_the_length() -> None:
    assert canonical("GRCh38", "chr20", 64_444_167) == "SQ.-A1QmD_MatoqxvgVxBLZTONHz9-c7nQo"
    assert canonical("GRCh38", "20", 64_444_167) == "SQ.-A1QmD_MatoqxvgVxBLZTONHz9-c7nQo"
    assert canonical("GRCh37", "20", 64_444_167) is None
    assert canonical("GRCh38", "20", 1_000_000) is None
    assert canonical("GRCm39", "20", 64_444_167) is None
    assert canonical("GRCh37", "chrM", 16_571) is None  # hg19's own mitochondrion


def test_the_table_has_25_well_formed_contigs_an_assembly() -> None:
    for contigs in CANONICAL.values():
        assert len(contigs) == 25
        assert all(ACCESSION.fullmatch(accession) for _, accession in contigs.values())
        assert len({accession for _, accession in contigs.values()}) == 25


def test_the_table_holds_the_published_facts(shared: Path) -> None:
    with open(shared / "conformance" / "refget_accessions.tsv", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if "masked" not in row["chrom"]]
    assert len(rows) == 50
    for row in rows:
        length, accession = int(row["length"]), row["refget_accession"]
        assert canonical(row["assembly"], row["chrom"], length) == accession
        assert canonical(row["assembly"], row["ucsc_name"], length) == accession


def test_a_mapped_file_that_was_truncated_is_not_whole_and_a_removed_one_is(tmp_path: Path) -> None:
    held = {}
    for name in ("truncated", "removed"):
        (tmp_path / name).write_bytes(b"A" * SMALLEST_MAPPED)
        held[name] = FlatSequence.open(tmp_path / name, "SQ.x", SMALLEST_MAPPED)
    assert all(sequence.is_whole() for sequence in held.values())
    (tmp_path / "removed").unlink()
    assert held["removed"].is_whole()
    os.truncate(tmp_path / "truncated", SMALLEST_MAPPED - 1)
    assert not held["truncated"].is_whole()
