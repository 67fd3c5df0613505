"""FASTA in, flat upper-case sequence files out, as streams: a whole contig is never held in memory."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from vcfjobs.errors import VcfJobsError
from vcfjobs.vrs.bgzf.blocks import DamagedStreamError
from vcfjobs.vrs.bgzf.streams import ByteStream, open_stream
from vcfjobs.vrs.digests import RefgetHasher

MAX_NAME_LINE = 1 << 20

IUPAC = b"ACGTURYSWKMBDHVN"
# Other letters, those of proteins too, become NUL.
_RESIDUES = bytes(byte & ~0x20 if byte & ~0x20 in IUPAC and byte >= 0x41 else 0 for byte in range(256))


class FastaError(VcfJobsError, code="INVALID_FASTA", status=400, title="Not a usable FASTA"):
    """The file is not a FASTA that can be registered; the sentence names the contig where it can."""


def read_fasta(stream: BinaryIO) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield (name, upper-case residues in chunks) of each contig of a plain, gzip or BGZF FASTA.

    The name is the first word after `>`. The chunks must be read before the next contig; what is left of
    them is skipped. Raises FastaError, also from the chunks.
    """
    text = _FastaText(open_stream(stream))
    names: set[str] = set()
    text.expect_contig()
    while name := text.next_name():
        if name in names:
            raise FastaError(f"The FASTA has two contigs with the name {name}.")
        names.add(name)
        residues = text.residues(name)
        yield name, residues
        for _ in residues:
            pass


class _FastaText:
    """The text of a FASTA, read forward; `_piece` is what was read and not yet used."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._piece = b""

    def expect_contig(self) -> None:
        """Skip white space in front of the first contig."""
        while self._fill():
            self._piece = self._piece.lstrip()
            if self._piece:
                break
        if not self._piece:
            raise FastaError("The FASTA is empty.")
        if not self._piece.startswith(b">"):
            raise FastaError("The file is not FASTA: it does not begin with '>'.")

    def next_name(self) -> str | None:
        """The name of the contig whose `>` comes next; None at the end."""
        if not self._fill():
            return None
        while (end := self._piece.find(b"\n")) < 0:
            more = self._read()
            if len(self._piece) > MAX_NAME_LINE:
                raise FastaError("A name line of the FASTA is too long.")
            self._piece += more or b"\n"
        words = self._piece[1:end].split(maxsplit=1)
        self._piece = self._piece[end + 1 :]
        if not words:
            raise FastaError("A contig of the FASTA has no name.")
        return words[0].decode("utf-8", "replace")

    def residues(self, name: str) -> Iterator[bytes]:
        """Upper-case residues up to the next `>` at a line start."""
        line_start = True
        while self._fill():
            piece = self._piece
            if line_start and piece.startswith(b">"):
                return
            # One byte is sought several times faster than two, and mostly there is none.
            end = piece.find(b"\n>") + 1 if b">" in piece else 0
            part = piece[:end] if end else piece
            self._piece = piece[end:] if end else b""
            line_start = part.endswith(b"\n")
            if residues := _clean(part, name):
                yield residues

    def _fill(self) -> bool:
        """Hold at least one byte, unless the text ends."""
        if not self._piece:
            self._piece = self._read()
        return bool(self._piece)

    def _read(self) -> bytes:
        try:
            return self._stream.read()
        except DamagedStreamError as damage:
            raise FastaError(damage.sentence) from damage


def _clean(part: bytes, name: str) -> bytes:
    """The residues of some lines. One pass does both: any other byte becomes NUL, which is then sought."""
    residues = part.replace(b"\n", b"").translate(_RESIDUES)
    if b"\0" in residues:
        residues = part.translate(_RESIDUES, b"\n\r \t")
        if b"\0" in residues:
            raise FastaError(f"Contig {name} of the FASTA has characters that are not nucleotide codes.")
    return residues


def write_flat(chunks: Iterable[bytes], folder: Path) -> tuple[str, int]:
    """Store upper-case residues as `<folder>/<accession of these bytes>`; returns (accession, length).

    Written under a temporary name and published by rename, so that a reader never sees half a sequence;
    when the file is there already, it is kept.
    """
    hasher = RefgetHasher()
    length = 0
    descriptor, name = tempfile.mkstemp(prefix=".flat-", dir=folder)
    temporary = Path(name)
    try:
        with open(descriptor, "wb") as file:
            for chunk in chunks:
                hasher.update(chunk)
                file.write(chunk)
                length += len(chunk)
            file.flush()
            os.fsync(file.fileno())
        _publish(temporary, folder / hasher.accession, length)
    finally:
        temporary.unlink(missing_ok=True)
    return hasher.accession, length


def _publish(temporary: Path, target: Path, length: int) -> None:
    if target.exists() and target.stat().st_size == length:
        return
    temporary.chmod(0o644)
    temporary.replace(target)
    directory = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
