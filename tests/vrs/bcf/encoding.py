"""BCF written for the tests, value by value, so that it can also be wrong; and what bcftools reads in it."""

from __future__ import annotations

import io
import os
import re
import shutil
import struct
import subprocess

import pytest

from vcfjobs.vrs.vcf.lines import Limits, open_text

INT8, INT16, INT32, FLOAT, CHARACTERS = 1, 2, 3, 5, 7
MISSING = {INT8: 0x80, INT16: 0x8000, INT32: 0x80000000, FLOAT: 0x7F800001}
END = {INT8: 0x81, INT16: 0x8001, INT32: 0x80000001, FLOAT: 0x7F800002}
CODES = {INT8: "B", INT16: "H", INT32: "I", FLOAT: "I"}
PASS = 0
# The dictionary of HEADER; contigs chr1 and chr2 are 0 and 1.
Q10, DP, AF, DB, NOTE, GT, GQ, AD, FT = range(1, 10)
HEADER = """##fileformat=VCFv4.2
##FILTER=<ID=PASS,Description="All filters passed">
##contig=<ID=chr1,length=46>
##contig=<ID=chr2>
##FILTER=<ID=q10,Description="Quality below 10, or IDX=7">
##INFO=<ID=DP,Number=.,Type=Integer,Description="Depth">
##INFO=<ID=AF,Number=.,Type=Float,Description="Frequency">
##INFO=<ID=DB,Number=0,Type=Flag,Description="Known">
##INFO=<ID=NOTE,Number=.,Type=String,Description="Anything">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Quality">
##FORMAT=<ID=AD,Number=.,Type=Integer,Description="Depths">
##FORMAT=<ID=FT,Number=1,Type=String,Description="Filter">
"""
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"


def header(samples: int = 0) -> str:
    """HEADER with the line of columns."""
    names = "".join(f"\tS{number}" for number in range(samples))
    return HEADER + COLUMNS + ("\tFORMAT" + names if samples else "") + "\n"


def describe(kind: int, count: int) -> bytes:
    """A descriptor; a count of 15 or more follows it as an integer."""
    if count < 15:
        return bytes([count << 4 | kind])
    return bytes([0xF0 | kind]) + integer(count)


def integer(value: int, kind: int = INT32) -> bytes:
    """One typed integer."""
    return bytes([0x10 | kind]) + numbers(kind, value)


def numbers(kind: int, *values: float) -> bytes:
    """Numbers without a descriptor: ints are bit patterns, or signed; floats are encoded."""
    size = struct.calcsize(CODES[kind])
    bits = [
        struct.unpack("<I", struct.pack("<f", value))[0]
        if isinstance(value, float)
        else value % (1 << 8 * size)
        for value in values
    ]
    return struct.pack(f"<{len(bits)}{CODES[kind]}", *bits)


def vector(kind: int, *values: float) -> bytes:
    """A typed vector of numbers."""
    return describe(kind, len(values)) + numbers(kind, *values)


def text(value: bytes) -> bytes:
    """A typed string."""
    return describe(CHARACTERS, len(value)) + value


def info(key: int, value: bytes = b"\0") -> bytes:
    """An INFO field; a flag without a value."""
    return integer(key, INT8) + value


def record(
    infos: tuple[bytes, ...] = (),
    formats: tuple[bytes, ...] = (),
    *,
    contig: int = 0,
    start: int = 0,
    identifier: bytes = b"\x07",
    alleles: tuple[bytes, ...] = (b"A", b"C"),
    quality: float = MISSING[FLOAT],
    filters: bytes = b"\x11\0",
    samples: int = 0,
) -> bytes:
    """A whole record; INFO and FORMAT fields are given in bytes."""
    counts = samples | len(formats) << 24
    fixed = struct.pack("<iii", contig, start, 1) + numbers(FLOAT, quality)
    fixed += struct.pack("<HHI", len(infos), len(alleles), counts)
    shared = b"".join([fixed, identifier, *map(text, alleles), filters, *infos])
    individual = b"".join(formats)
    return struct.pack("<II", len(shared), len(individual)) + shared + individual


def file(*records: bytes, head: str = "", samples: int = 0, minor: int = 2) -> bytes:
    """An uncompressed BCF."""
    encoded = (head or header(samples)).encode() + b"\0"
    return b"BCF\x02" + bytes([minor]) + struct.pack("<I", len(encoded)) + encoded + b"".join(records)


def of_sites(vcf: bytes) -> bytes:
    """A VCF without samples as BCF; what its header lacks is declared, INFO as strings."""
    lines = vcf.decode().splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    head = [line for line in lines if line.startswith("##")]
    entries = [re.match(r"##(FILTER|INFO|contig)=<ID=(\w+)", line) for line in head]
    contigs = [entry[2] for entry in entries if entry and entry[1] == "contig"]
    names = ["PASS", *(entry[2] for entry in entries if entry and entry[1] != "contig")]
    for row in rows:
        if row[0] not in contigs:
            contigs.append(row[0])
            head.append(f"##contig=<ID={row[0]}>")
        for key, _, _ in _pairs(row[7]):
            if key not in names:
                names.append(key)
                head.append(f'##INFO=<ID={key},Number=.,Type=String,Description="">')
    return file(*(_site(row, contigs, names) for row in rows), head="\n".join([*head, COLUMNS, ""]))


def _pairs(column: str) -> list[tuple[str, str, str]]:
    return [pair.partition("=") for pair in column.split(";") if pair != "."]


def _site(row: list[str], contigs: list[str], names: list[str]) -> bytes:
    return record(
        tuple(info(names.index(key), text(value.encode())) for key, _, value in _pairs(row[7])),
        contig=contigs.index(row[0]),
        start=int(row[1]) - 1,
        identifier=text(row[2].encode()),
        alleles=(row[3].encode(), *(alt.encode() for alt in row[4].split(",") if alt != ".")),
        quality=MISSING[FLOAT] if row[5] == "." else float(row[5]),
        filters=b"\0" if row[6] == "." else integer(names.index(row[6]), INT8),
    )


def decode(data: bytes, limits: Limits | None = None) -> bytes:
    """What the service reads."""
    source = open_text(io.BytesIO(data), limits)
    chunks: list[bytes] = []
    while chunk := source.read_chunk():
        chunks.append(chunk)
    return b"".join(chunks)


def lines(data: bytes) -> list[str]:
    """The records that the service reads, as text."""
    return [line for line in decode(data).decode().splitlines() if not line.startswith("#")]


def bcftools(data: bytes, *arguments: str) -> bytes:
    """What `bcftools view` makes of a file; the test is skipped where bcftools is missing, but in CI."""
    if shutil.which("bcftools") is None:
        assert not os.environ.get("CI"), "in CI bcftools judges every BCF"
        pytest.skip("bcftools is not installed")
    view = ["bcftools", "view", "--no-version", *arguments]
    return subprocess.run(view, input=data, capture_output=True, check=True).stdout
