"""Cut, lying and hostile BCF: a sentence that names the record, soon, and within little memory."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.packing import bgzf, gzipped
from tests.vrs.bcf import encoding as bcf
from tests.vrs.bcf.encoding import AD, CHARACTERS, DP, FLOAT, FT, GQ, GT, INT8, INT16, INT32, NOTE, Q10
from vcfjobs.errors import HostileInputError, InvalidVcfError, RunFailureError
from vcfjobs.vrs.vcf.lines import Limits, open_text

PROJECT = Path(__file__).resolve().parents[3]
GOOD = bcf.record(infos=(bcf.info(DP, bcf.integer(3, INT8)),))
LENGTHS = struct.Struct("<II")


def with_format(*formats: bytes) -> bytes:
    return bcf.record(formats=formats, samples=2)


def resized(record: bytes, shared: int = 0, individual: int = 0) -> bytes:
    """The same bytes, whose lengths are said to be others."""
    first, second = LENGTHS.unpack_from(record)
    return LENGTHS.pack(first + shared, second + individual) + record[LENGTHS.size :]


def patched(record: bytes, at: int, value: bytes) -> bytes:
    """A record with other bytes at an offset of its shared part."""
    at += LENGTHS.size
    return record[:at] + value + record[at + len(value) :]


LIES = {
    "a string beyond the record": (bcf.record(identifier=b"\xe7"), "shorter"),
    "an allele beyond the record": (bcf.record(alleles=(b"A", b"C"))[:-6] + b"\x77", "cut off"),
    "a vector beyond the record": (
        bcf.record(infos=(bcf.info(DP, b"\xf3" + bcf.integer(2**31 - 1)),)),
        "short",
    ),
    "a vector of fewer bytes": (bcf.record(infos=(bcf.info(DP, b"\x21\1"),)), "shorter"),
    "a vector of negative length": (bcf.record(infos=(bcf.info(DP, b"\xf1" + bcf.integer(-1)),)), "negative"),
    "a length that is no integer": (bcf.record(infos=(bcf.info(DP, b"\xf1\x17A"),)), "integer"),
    "a value of an unknown type": (bcf.record(infos=(bcf.info(DP, b"\x14" + bytes(8)),)), "unknown type"),
    "nothing in a count": (bcf.record(infos=(bcf.info(DP, b"\x30\1\2\3"),)), "unknown type"),
    "a key that is no integer": (bcf.record(infos=(b"\x17A\0",)), "integer"),
    "an INFO key beyond the header": (bcf.record(infos=(bcf.info(99),)), "header does not have"),
    "a negative INFO key": (bcf.record(infos=(bcf.info(-2),)), "header does not have"),
    "a filter beyond the header": (bcf.record(filters=bcf.integer(99, INT8)), "header does not have"),
    "a negative filter": (bcf.record(filters=bcf.integer(-1, INT8)), "negative"),
    "a negative wide filter": (bcf.record(filters=bcf.integer(-1)), "negative"),
    "filters without end": (bcf.record(filters=bcf.vector(INT8, *[Q10] * 11)), "more filters"),
    "filters that are strings": (bcf.record(filters=bcf.text(b"PASS")), "filters"),
    "a contig beyond the header": (bcf.record(contig=2), "header does not have"),
    "a negative contig": (bcf.record(contig=-1), "header does not have"),
    "an identifier that is a number": (bcf.record(identifier=bcf.integer(3)), "string"),
    "more INFO fields than there are": (patched(GOOD, 16, b"\xff\xff"), "shorter"),
    "more alleles than there are": (patched(GOOD, 18, b"\xff\xff"), "string"),
    "fewer INFO fields than there are": (patched(GOOD, 16, b"\0\0"), "longer"),
    "samples that the header does not have": (patched(GOOD, 20, b"\1\0\0"), "number of samples"),
    "a shared part that is too short for its numbers": (LENGTHS.pack(23, 0) + bytes(23), "shorter"),
    "a longer shared part": (resized(GOOD, shared=1) + b"\0", "longer"),
    "a tab in a string": (bcf.record(infos=(bcf.info(NOTE, bcf.text(b"a\tb")),)), "tab"),
    "a line end in an identifier": (bcf.record(identifier=bcf.text(b"a\nb")), "line end"),
    "a line end in an allele": (bcf.record(alleles=(b"A", b"C\nG")), "line end"),
}
FIELD = bcf.integer(GQ, INT8) + b"\x11"
LIES_OF_SAMPLES = {
    "fewer values than samples": (with_format(FIELD + b"\1"), "shorter"),
    "more values than samples": (with_format(FIELD + b"\1\2\3"), "longer"),
    "a vector of fewer bytes": (with_format(bcf.integer(AD, INT8) + b"\xf3" + bcf.integer(2**30)), "shorter"),
    "genotypes that are strings": (with_format(bcf.integer(GT, INT8) + b"\x17AC"), "genotypes"),
    "genotypes that are floats": (with_format(bcf.integer(GT, INT8) + b"\x15" + bytes(8)), "genotypes"),
    "a FORMAT key beyond the header": (with_format(bcf.integer(99, INT8) + b"\x11\1\2"), "header does not"),
    "a FORMAT that is not there": (resized(with_format(FIELD + b"\1\2"), individual=-5)[:-5], "shorter"),
    "a tab in a string": (with_format(bcf.integer(FT, INT8) + b"\x27a\tbc"), "tab"),
    "a line end in a string": (with_format(bcf.integer(FT, INT8) + b"\x27ab\nc"), "line end"),
    "too few samples": (bcf.record(), "number of samples"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_told_with_its_record(name: str) -> None:
    record, word = LIES[name]
    with pytest.raises(InvalidVcfError, match="record 3 of the BCF.*" + word):
        bcf.decode(bcf.file(GOOD, GOOD, record))


@pytest.mark.parametrize("name", LIES_OF_SAMPLES)
def test_a_lie_in_the_samples_is_told_with_its_record(name: str) -> None:
    record, word = LIES_OF_SAMPLES[name]
    good = with_format(FIELD + b"\1\2")
    with pytest.raises(InvalidVcfError, match="record 2 of the BCF.*" + word):
        bcf.decode(bcf.file(good, record, samples=2))


def test_a_name_with_a_tab_cannot_make_a_column() -> None:
    head = bcf.header(2).replace("ID=GQ", "ID=G\tQ").replace("ID=DP", "ID=D\tP")
    with pytest.raises(InvalidVcfError, match=r"record 1 .*tab"):
        bcf.decode(bcf.file(with_format(FIELD + b"\1\2"), head=head))
    with pytest.raises(InvalidVcfError, match=r"record 1 .*tab"):
        bcf.decode(bcf.file(bcf.record(infos=(bcf.info(DP),), samples=2), head=head))


@pytest.mark.parametrize("pack", [bytes, gzipped, bgzf], ids=["plain", "gzip", "bgzf"])
def test_a_file_that_ends_within_a_record_is_truncated(pack: object) -> None:
    whole = bcf.file(GOOD, GOOD)
    for left in range(len(whole) - len(GOOD) + 1, len(whole)):
        with pytest.raises(InvalidVcfError, match="truncated: record 2 "):
            bcf.decode(pack(whole[:left]))  # type: ignore[operator]


def test_a_file_that_ends_within_its_header_is_truncated() -> None:
    whole = bcf.file()
    for left in range(3, len(whole)):
        with pytest.raises(InvalidVcfError, match="truncated: its header"):
            bcf.decode(whole[:left])


def test_damage_far_into_the_file_fails_the_run() -> None:
    source = open_text(io.BytesIO(bcf.file(*[GOOD] * 100_000, LIES["a negative contig"][0])))
    assert source.read_chunk().startswith(b"##fileformat")
    with pytest.raises(RunFailureError, match="record 100,001 of the BCF"):
        list(iter(source.read_chunk, b""))


@pytest.mark.parametrize(
    "version",
    [b"BCF\x01\x00", b"BCF\x04" + bytes(4), b"BCF\x02\x03", b"BCF\x02\x00"],
    ids=["1.0", "4.0", "2.3", "2.0"],
)
def test_other_versions_are_refused_with_what_to_do(version: bytes) -> None:
    with pytest.raises(InvalidVcfError, match=r"2\.1 and 2\.2; convert it with `bcftools view -Oz`"):
        bcf.decode(version + bytes(100))


@pytest.mark.parametrize("length", [0xFFFFFFFF, 33 << 20])
def test_a_header_length_above_the_limit_is_hostile(length: int) -> None:
    with pytest.raises(HostileInputError, match="header"):
        bcf.decode(b"BCF\x02\x02" + struct.pack("<I", length) + bytes(100))


@pytest.mark.parametrize("lengths", [(0xFFFFFFFF, 0), (24, 0xFFFFFFFF), (64 << 20, 24)])
def test_a_record_length_above_the_limit_is_hostile(lengths: tuple[int, int]) -> None:
    with pytest.raises(HostileInputError, match="Record 2 of the BCF is longer than 67,108,864 bytes"):
        bcf.decode(bcf.file(GOOD, LENGTHS.pack(*lengths) + bytes(100)))


LONG_NAME = bcf.header(3).replace("ID=DP", "ID=D" + "P" * 100_000).replace("ID=q10", "ID=q" + "1" * 100_000)
LONG_NAME = LONG_NAME.replace("ID=GQ", "ID=G" + "Q" * 100_000)
LARGE = {
    "INFO names": bcf.record(infos=(bcf.info(DP),) * 1_000, samples=3),
    "kept INFO texts": bcf.record(infos=(bcf.info(DP, bcf.integer(3, INT8)),) * 1_000, samples=3),
    "filter names": bcf.record(filters=bcf.vector(INT8, *[Q10] * 9), samples=3),
    "FORMAT names": bcf.record(formats=(bcf.integer(GQ, INT8) + b"\0",) * 255, samples=3),
    "INFO numbers": bcf.record(infos=(bcf.info(NOTE, bcf.vector(INT8, *[-100] * 200_000)),), samples=3),
    "samples' numbers": bcf.record(
        formats=(bcf.integer(AD, INT8) + bcf.describe(INT8, 70_000) + b"\x9c" * 210_000,), samples=3
    ),
    "samples' vectors": bcf.record(
        formats=(bcf.integer(AD, INT8) + bcf.describe(INT8, 60_000) + b"\x9c" * 180_000,), samples=3
    ),
    "all of it": bcf.record(
        infos=(bcf.info(NOTE, bcf.text(b"x" * 300_000)),),
        formats=(bcf.integer(FT, INT8) + bcf.describe(CHARACTERS, 40_000) + b"y" * 120_000,),
        samples=3,
    ),
}


@pytest.mark.parametrize("name", LARGE)
def test_a_record_whose_text_is_above_the_limit_is_hostile(name: str) -> None:
    limits = Limits(max_line=400_000)
    with pytest.raises(HostileInputError, match="Record 1 of the BCF is longer than 400,000 bytes"):
        bcf.decode(bcf.file(LARGE[name], head=LONG_NAME), limits)
    assert (
        len(bcf.decode(bcf.file(LARGE[name], head=LONG_NAME), Limits(max_line=200_000_000, max_ratio=10**6)))
        > 400_000
    )


BOMB = """
import io, re, struct, sys, time
from tests.vrs.bcf import encoding as bcf
from vcfjobs.errors import VcfJobsError
from vcfjobs.vrs.vcf.lines import open_text
million = bcf.HEADER.replace("ID=GQ", "ID=" + "Q" * 10**6).replace("ID=DP", "ID=" + "P" * 10**6)
alone = million + bcf.COLUMNS + "\\n"
crowd = 2_000_000
many = million + bcf.COLUMNS + "\\tFORMAT" + "\\tS" * crowd + "\\n"
field = lambda key, kind, raw, samples: (
    bcf.integer(key, bcf.INT8) + bcf.describe(kind, len(raw) // samples // (4 if kind in (3, 5) else 1)) + raw
)
size = 64 * 10**6
make = {
    "INFO names": lambda: (alone, bcf.record(infos=(bcf.info(bcf.DP),) * 65_535)),
    "INFO texts": lambda: (alone, bcf.record(infos=(bcf.info(bcf.DP, bcf.integer(1, 1)),) * 65_535)),
    "bytes": lambda: (alone, bcf.record(infos=(field(bcf.NOTE, 1, b"\\x9c" * size, 1),))),
    "words": lambda: (alone, bcf.record(infos=(field(bcf.NOTE, 3, b"\\x9c\\1\\2\\3" * (size // 4), 1),))),
    "string": lambda: (alone, bcf.record(infos=(field(bcf.NOTE, 7, b"x" * size, 1),))),
    "filters": lambda: (alone, bcf.record(filters=bcf.describe(1, size) + bytes(size))),
    "empty fields": lambda: (
        many, bcf.record(formats=(bcf.integer(bcf.AD, 1) + b"\\0",) * 255, samples=crowd)
    ),
    "vectors": lambda: (
        many, bcf.record(formats=(field(bcf.AD, 1, b"\\x9c" * (30 * crowd), crowd),), samples=crowd)
    ),
    "genotypes": lambda: (
        many, bcf.record(formats=(field(bcf.GT, 1, bytes(2 * crowd), crowd),), samples=crowd)
    ),
    "no fields": lambda: (many, b"".join([bcf.record(samples=crowd)] * 1_000)),
    "a name": lambda: (
        f"##fileformat=VCFv4.2\\n##INFO=<{'a' * 15_000_000},b=\\"{'c' * 15_000_000}\\n{bcf.COLUMNS}", b""
    ),
    "attributes": lambda: (
        "##fileformat=VCFv4.2\\n##INFO=<ID=A" + ",IDX=1" * 5_000_000 + ">\\n" + bcf.COLUMNS, b""
    ),
}
head, records = make[sys.argv[1]]()
data = bcf.file(records, head=head)
del head, records
open("/proc/self/clear_refs", "w").write("5")  # the peak from here on
held = len(data) >> 20
started = time.process_time()
name = "no error"
try:
    source = open_text(io.BytesIO(data))
    while source.read_chunk():
        pass
except VcfJobsError as error:
    name = type(error).__name__
peak = re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())
print(name, int(peak[1]) // 1024 - held, time.process_time() - started, sep="/")
"""
BOMBS = {
    "INFO names": "HostileInputError",
    "INFO texts": "HostileInputError",
    "bytes": "HostileInputError",
    "words": "HostileInputError",
    "string": "no error",
    "filters": "RunFailureError",
    "empty fields": "HostileInputError",
    "vectors": "HostileInputError",
    "genotypes": "no error",
    "no fields": "HostileInputError",
    "a name": "no error",
    "attributes": "no error",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_ends_in_seconds_and_within_300_mb(name: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", BOMB, name], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    error, megabytes, seconds = run.stdout.split("/")
    assert error == BOMBS[name]
    assert int(megabytes) < 300
    assert float(seconds) < 5


PLAIN = bcf.file(
    bcf.record(
        infos=(
            bcf.info(DP, bcf.vector(INT16, 300, 2)),
            bcf.info(NOTE, bcf.text(b"a string of more than fifteen")),
            bcf.info(bcf.AF, bcf.vector(FLOAT, 0.25, 0.5)),
            bcf.info(bcf.DB),
        ),
        formats=(
            bcf.integer(GT, INT8) + b"\x21" + bytes([2, 4, 5, 2, 0, 0x81]),
            bcf.integer(AD, INT8) + b"\x22" + bcf.numbers(INT16, 1, 2, 300, 4, 5, 6),
            bcf.integer(FT, INT8) + b"\x47PASSq10\0.\0\0\0",
        ),
        samples=3,
        identifier=bcf.text(b"rs1"),
        quality=29.5,
    ),
    bcf.record(formats=(bcf.integer(GQ, INT8) + b"\x13" + bcf.numbers(INT32, 1, 2, 3),), samples=3),
    samples=3,
)
BODY = PLAIN.index(b"\n\0") + 2


@settings(max_examples=1_500, deadline=None)
@given(
    changes=st.lists(
        st.tuples(
            st.integers(5, len(PLAIN) - 1) | st.integers(BODY, len(PLAIN) - 1),
            st.sampled_from([0, 1, 7, 0x11, 0x7F, 0x80, 0xF1, 0xF3, 0xFF]) | st.integers(0, 255),
        ),
        min_size=1,
        max_size=6,
    ),
    cut=st.none() | st.integers(0, len(PLAIN)),
)
@example(changes=[(BODY, 0)], cut=None)
def test_changed_bytes_end_in_a_sentence_or_in_whole_lines(
    changes: list[tuple[int, int]], cut: int | None
) -> None:
    data = bytearray(PLAIN)
    for at, value in changes:
        data[at] = value
    try:
        text = bcf.decode(bytes(data[:cut]))
    except (InvalidVcfError, HostileInputError, RunFailureError):
        return
    for line in text[text.index(b"\n#CHROM") + 1 :].removesuffix(b"\n").split(b"\n")[1:]:
        assert line.count(b"\t") in (7, 11)
