"""The first records of a result, from a bounded number of its bytes.

A header may have 32 MiB, a record 64 MiB or 2,500 samples. So at most MOST_BYTES of text are decompressed and
at most LONGEST_HEAD bytes of a line are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

from vcfjobs import storage
from vcfjobs.models import Kind, Run, Status
from vcfjobs.registry import search
from vcfjobs.vrs.bgzf.blocks import DamagedStreamError
from vcfjobs.vrs.bgzf.files import BgzfReader, BlockIndex

RECORDS = 20
MOST_BYTES = 4 << 20
LONGEST_HEAD = 1 << 16
ALLELES_SHOWN = 10
IDS = "VRS_Allele_IDs="
INFO = 7


class Text(NamedTuple):
    """The text of a column; `cut` when it is incomplete."""

    text: str
    cut: bool = False


class Record(NamedTuple):
    """One record. `ids`: REF or ALT and its VRS id, "" without one; None where INFO was cut.

    `hidden_*` count the alleles and ids not shown.
    """

    chrom: Text
    position: int | None
    name: Text
    ref: Text
    alts: list[Text]
    ids: list[tuple[str, str]] | None
    hidden_alts: int
    hidden_ids: int


class Preview(NamedTuple):
    """The first records, and which of their ids are registered."""

    records: list[Record]
    registered: set[str]


def preview_of(run: Run) -> Preview | None:
    """The first records of a run's result; one query. None where there is no readable result."""
    if run.status != Status.SUCCEEDED or run.kind != Kind.ANNOTATE or run.is_expired:
        return None
    with suppress(OSError, DamagedStreamError), storage.result_path(run.pk, run.attempt).open("rb") as file:
        chunks = BgzfReader(file, BlockIndex()).read_range(0, MOST_BYTES)
        records = first_records(chunks, for_ref=run.for_ref)
        ids = {vrs_id for record in records for _, vrs_id in record.ids or ()}
        return Preview(records, search.registered(ids))
    return None


def first_records(chunks: Iterable[bytes], *, for_ref: bool) -> list[Record]:
    """The records in a text that arrives in chunks."""
    records = (
        _record(head, whole=whole, for_ref=for_ref)
        for head, whole in _heads(chunks)
        if head and not head.startswith(b"#")
    )
    return list(islice(records, RECORDS))


def _heads(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """The first LONGEST_HEAD bytes of each line, and whether that is the whole line."""
    head = bytearray()
    size = total = 0
    for chunk in chunks:
        total += len(chunk)
        begin = 0
        while (end := chunk.find(b"\n", begin)) >= 0:
            head += chunk[begin : min(end, begin + LONGEST_HEAD - len(head))]
            yield bytes(head), size + end - begin <= LONGEST_HEAD
            head.clear()
            size, begin = 0, end + 1
        head += chunk[begin : begin + LONGEST_HEAD - len(head)]
        size += len(chunk) - begin
    if head:
        yield bytes(head), size <= LONGEST_HEAD and total < MOST_BYTES


def _record(head: bytes, *, whole: bool, for_ref: bool) -> Record:
    fields = head.removesuffix(b"\r").split(b"\t", INFO + 1)
    last = None if whole else len(fields) - 1  # the column that was cut
    columns = [Text(part.decode("utf-8", "replace"), number == last) for number, part in enumerate(fields)]
    columns += [Text("", cut=not whole)] * (INFO + 1 - len(columns))
    chrom, position, name, ref, alts, _, _, info = columns[: INFO + 1]
    bases = alts.text.split(",")
    shown = [Text(text) for text in bases[:ALLELES_SHOWN]]
    if alts.cut and len(bases) <= ALLELES_SHOWN:
        shown[-1] = Text(bases[-1], cut=True)
    ids = None if info.cut else _identifiers(info.text, for_ref=for_ref)
    return Record(
        chrom,
        int(position.text) if position.text.isdecimal() and not position.cut else None,
        name,
        ref,
        shown,
        ids and ids[:ALLELES_SHOWN],
        max(0, len(bases) - ALLELES_SHOWN),
        max(0, len(ids or ()) - ALLELES_SHOWN),
    )


def _identifiers(info: str, *, for_ref: bool) -> list[tuple[str, str]]:
    found = next((entry.removeprefix(IDS) for entry in info.split(";") if entry.startswith(IDS)), "")
    ids = ["" if text == "." else text for text in found.split(",")] if found else []
    several = len(ids) > (2 if for_ref else 1)
    names = ["REF"] if for_ref else []
    names += [f"ALT {number}" if several else "ALT" for number in range(1, len(ids) + 1)]
    return list(zip(names, ids, strict=False))
