"""Lines of a BGZF file from a virtual offset on, block by block.

A virtual offset is the compressed offset of a block, shifted by 16 bits, and a place in its uncompressed
bytes (SAM specification, section 4.1.1). Where a line ends at the end of a block, the offset behind it is
here always that in the block of its line end, so that any such offset can be checked by reading one block.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from vcfjobs.vrs.bgzf.blocks import DamagedStreamError
from vcfjobs.vrs.bgzf.files import read_block

LONGEST_HEAD = 1 << 20


class Line(NamedTuple):
    """A line without its end, cut to about LONGEST_HEAD bytes unless `whole`; the offset behind its end."""

    head: bytes
    whole: bool
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Batch:
    """The lines that end in one block.

    `text` begins where the first line does, at `start`, and ends with a line end; `whole` is false where the
    first line was cut. Position i of the text has the virtual offset `origin` + i.
    """

    text: bytes
    start: int
    origin: int
    whole: bool

    @property
    def end(self) -> int:
        """The virtual offset behind the last line."""
        return self.origin + len(self.text)

    @property
    def last(self) -> bytes:
        """The last line, without its end."""
        return self.text[self.text.rfind(b"\n", 0, -1) + 1 : -1]

    def lines(self) -> Iterator[Line]:
        """Each line."""
        at, start, whole = 0, self.start, self.whole
        while (stop := self.text.find(b"\n", at)) >= 0:
            end = self.origin + stop + 1
            yield Line(self.text[at:stop], whole, start, end)
            at, start, whole = stop + 1, end, True


def is_line_start(file: BinaryIO, offset: int) -> bool:
    """Whether a line, or the end of the file, follows this virtual offset."""
    if not offset:
        return True
    place = offset & 0xFFFF
    try:
        file.seek(offset >> 16)
        return read_block(file)[place - 1 : place] == b"\n"
    except (DamagedStreamError, OSError, OverflowError):
        return False


def read_batches(file: BinaryIO, offset: int) -> Iterator[Batch]:
    """The lines from a virtual offset on, at which a line starts. Raises DamagedStreamError."""
    file.seek(offset >> 16)
    skipped = offset & 0xFFFF
    start, held = offset, b""
    whole = True
    while True:
        block = file.tell() << 16
        plain = read_block(file)
        if not plain:
            break
        stop = plain.rfind(b"\n") + 1
        if stop <= skipped:  # no line ends here
            more, room = plain[skipped:], LONGEST_HEAD - len(held)
            held += more[:room]
            whole, skipped = len(more) <= room, 0
            continue
        if not whole:
            skipped = plain.index(b"\n", skipped)
        yield Batch(held + plain[skipped:stop], start, block + skipped - len(held), whole)
        start, skipped = block + stop, 0
        held, whole = plain[stop:], True
    if held:
        yield Batch(held + b"\n", start, start, whole)
