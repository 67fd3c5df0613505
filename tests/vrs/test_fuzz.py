"""Mutated files through the sniffer, the header, the records, the cut and the ingest: only our own errors.

Seeds lie in `corpus/`; an input that fails is added there, so that it is tried by everybody from then on.
`make fuzz` goes on for ten minutes.
"""

from __future__ import annotations

import hashlib
import io
import os
import random
import time
from pathlib import Path

import pytest

from tests.vrs.vcf import reference
from vcfjobs.errors import VcfJobsError
from vcfjobs.vrs.annotate import Options, annotate, check_head, read_header
from vcfjobs.vrs.bgzf import DamagedStreamError, open_text
from vcfjobs.vrs.ingest import ingest
from vcfjobs.vrs.shards import cut, open_shard

CORPUS = Path(__file__).parent / "corpus"
SEEDS = sorted(path.read_bytes() for path in CORPUS.iterdir())
SECONDS = float(os.environ.get("FUZZ_SECONDS", "4"))
WORDS = [
    b"\t", b"\n", b"\r", b"\0", b",", b";", b"=", b".", b"*", b"\xff", b"A", b"N" * 40, b"GT", b"chr1",
    b"%3B", b"<DEL>", b"<*>", b"]chr1:5]", b"END=", b"-1", b"0", b"9" * 20,
    b"#CHROM\t", b"##INFO=<ID=VRS_Error,", b"VRS_Allele_IDs=", b"\x1f\x8b\x08\x04", b"BC\x02\x00", bytes(28),
]  # fmt: skip
EXPECTED = (VcfJobsError, DamagedStreamError)


def mutated(draw: random.Random) -> bytes:
    """A seed with a few of its bytes changed, cut, doubled, or joined with another's."""
    data = bytearray(draw.choice(SEEDS))
    for _ in range(draw.randint(1, 6)):
        at = draw.randint(0, len(data))
        match draw.randrange(6):
            case 0:
                data[at:at] = draw.choice(WORDS)
            case 1:
                data[at : at + draw.randint(1, 20)] = draw.choice(WORDS)
            case 2:
                del data[at : at + draw.randint(1, 200)]
            case 3:
                data[at:at] = data[at : at + draw.randint(1, 200)] * draw.randint(1, 4)
            case 4 if data:
                data[at % len(data)] ^= 1 << draw.randrange(8)
            case _:
                other = draw.choice(SEEDS)
                data[at:] = other[draw.randint(0, len(other)) :]
    return bytes(data)


def swallow(data: bytes) -> None:
    """Everything that happens to a file from its submit on."""
    on = reference()
    for options in (Options(collect_alleles=True), Options(for_ref=False, add_vrs_attributes=True)):
        try:
            check_head(open_text(io.BytesIO(data)), on, options)
            written = b"".join(chunk.data for chunk in annotate(open_text(io.BytesIO(data)), on, options))
        except EXPECTED:
            continue
        # What was written is annotated again to the same: every line was understood.
        again = b"".join(chunk.data for chunk in annotate(open_text(io.BytesIO(written)), on, options))
        assert again == written
    for validate in (True, False):
        try:
            for chunk in ingest(open_text(io.BytesIO(data)), on, validate=validate):
                assert chunk.report.records >= 0
        except EXPECTED:
            continue
    try:
        source = open_text(io.BytesIO(data))
        header, _ = read_header(source, Options(), keep=True)
        kind = "bgzf" if source.format == "bgzf" else "plain"
        if source.format == "vcf.gz":
            return
        whole = b"".join(iter(open_text(io.BytesIO(data)).read_chunk, b""))
        parts = [
            b"".join(iter(open_shard(io.BytesIO(data), kind, start, end).read_chunk, b""))
            for start, end in cut(io.BytesIO(data), kind, len(data), 64, len(header.data))
        ]
    except EXPECTED:
        return
    assert b"".join(parts) == whole


@pytest.mark.parametrize("seed", range(len(SEEDS)))
def test_every_file_of_the_corpus_ends_in_a_result_or_an_error_of_ours(seed: int) -> None:
    swallow(SEEDS[seed])


def test_mutated_files_end_in_a_result_or_an_error_of_ours() -> None:
    over = time.monotonic() + SECONDS
    number = random.SystemRandom().randrange(2**32)
    tried = 0
    while time.monotonic() < over:
        data = mutated(random.Random(number))
        try:
            swallow(data)
        except Exception:
            name = CORPUS / f"found-{hashlib.sha256(data).hexdigest()[:12]}"
            name.write_bytes(data)
            print(f"seed {number} fails; its file is kept as {name}")
            raise
        number += 1
        tried += 1
    assert tried > 10 * SECONDS
