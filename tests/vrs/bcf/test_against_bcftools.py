"""The text of a BCF is what `bcftools view` prints, byte for byte."""

from __future__ import annotations

import gzip
import math
import random
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.packing import bgzf, gzipped
from tests.vrs.bcf import encoding as bcf
from tests.vrs.bcf.encoding import (
    AD,
    AF,
    CHARACTERS,
    DB,
    DP,
    END,
    FLOAT,
    FT,
    GQ,
    GT,
    INT8,
    INT16,
    INT32,
    MISSING,
    NOTE,
    Q10,
)

ROOT = Path(__file__).resolve().parents[3]

INFOS = {
    "integers of one byte": bcf.info(DP, bcf.vector(INT8, 0, 127, -120, -1, MISSING[INT8])),
    "integers of two bytes": bcf.info(DP, bcf.vector(INT16, 32_767, -32_760, MISSING[INT16], 128)),
    "integers of four bytes": bcf.info(DP, bcf.vector(INT32, 2**31 - 1, -(2**31) + 8, MISSING[INT32])),
    "a missing integer": bcf.info(DP, bcf.vector(INT16, MISSING[INT16])),
    "a vector that ends early": bcf.info(DP, bcf.vector(INT8, 1, 2, END[INT8], END[INT8])),
    "a vector with values behind its end": bcf.info(DP, bcf.vector(INT16, 1, END[INT16], 5)),
    "an empty vector": bcf.info(DP, bcf.vector(INT32, END[INT32], END[INT32])),
    "floats": bcf.info(AF, bcf.vector(FLOAT, 0.5, -1e-7, 1e10, 100000.5, 12345.25, 0.0001, 999999.0)),
    "floats that are no numbers": bcf.info(AF, bcf.vector(FLOAT, math.nan, math.inf, -math.inf, 0xFFC00000)),
    "missing floats": bcf.info(AF, bcf.vector(FLOAT, MISSING[FLOAT], 0.0, -0.0, END[FLOAT])),
    "a missing float": bcf.info(AF, bcf.vector(FLOAT, MISSING[FLOAT])),
    "a flag": bcf.info(DB),
    "a flag with a value": bcf.info(DB, bcf.integer(1, INT8)),
    "a character": bcf.info(NOTE, bcf.text(b"x")),
    "a string": bcf.info(NOTE, bcf.text(b"one,two;three=3")),
    "a string that ends early": bcf.info(NOTE, bcf.text(b"ab\0\0cd")),
    "an empty string": bcf.info(NOTE, bcf.text(b"")),
    "a long string": bcf.info(NOTE, bcf.text(b"long " * 20_000)),
    "a vector of fifteen": bcf.info(DP, bcf.vector(INT8, *range(15))),
    "a vector of thousands": bcf.info(DP, bcf.vector(INT32, *range(300_000))),
    "wide keys": bcf.integer(DP, INT16) + bcf.vector(INT8, 3) + bcf.integer(AF) + bcf.vector(FLOAT, 0.5),
}


@pytest.mark.parametrize("name", INFOS)
def test_info(name: str) -> None:
    count = 2 if name == "wide keys" else 1
    data = bcf.file(bcf.record(infos=(INFOS[name],) + (b"",) * (count - 1)), bcf.record())
    assert bcf.decode(data) == bcf.bcftools(data)


def test_all_info_fields_in_one_record() -> None:
    fields = tuple(field for name, field in INFOS.items() if name != "wide keys")
    data = bcf.file(bcf.record(infos=fields), bcf.record(infos=fields[::-1]))
    assert bcf.decode(data) == bcf.bcftools(data)


SITES: dict[str, dict[str, Any]] = {
    "an identifier": {"identifier": bcf.text(b"rs1;rs2")},
    "an identifier of a missing character": {"identifier": bcf.text(b"\7")},
    "no ALT": {"alleles": (b"A",)},
    "many alleles": {"alleles": (b"A", b"C", b"<DEL>", b"*", b"G]chr2:7]")},
    "long alleles": {"alleles": (b"A" * 300, b"ACGT" * 40_000)},
    "a quality": {"quality": 29.5},
    "a quality halfway between two of six digits": {"quality": 12345.25},
    "a quality of zero": {"quality": 0.0},
    "another contig": {"contig": 1, "start": 2**31 - 2},
    "a position before the contig": {"start": -1},
    "no filters": {"filters": b"\0"},
    "two filters": {"filters": bcf.vector(INT8, Q10, 0)},
    "filters as wide integers": {"filters": bcf.vector(INT32, Q10)},
}


@pytest.mark.parametrize("name", SITES)
def test_the_columns_before_info(name: str) -> None:
    data = bcf.file(bcf.record(**SITES[name]))
    assert bcf.decode(data) == bcf.bcftools(data)


def genotypes(kind: int, count: int, *values: int) -> bytes:
    return bcf.integer(GT, INT8) + bcf.describe(kind, count) + bcf.numbers(kind, *values)


def format_of(key: int, kind: int, count: int, *values: float) -> bytes:
    return bcf.integer(key, INT8) + bcf.describe(kind, count) + bcf.numbers(kind, *values)


END8, END16 = END[INT8], END[INT16]
FORMATS = {
    "diploid": (genotypes(INT8, 2, 2, 4, 2, 5, 0, 0),),
    "alleles of two digits": (genotypes(INT8, 2, 2, 22, 24, 27, 0, 1),),
    "alleles of many digits": (genotypes(INT16, 2, 2, 2_000, 2_001, 32_767, 4, 5),),
    "alleles as wide integers": (genotypes(INT32, 1, 2, 4, 200_000),),
    "mixed ploidy": (genotypes(INT8, 3, 2, 5, 4, 2, END8, END8, 2, 4, END8),),
    "no alleles at all": (genotypes(INT8, 2, END8, END8, 2, 4, 0, END8),),
    "haploid": (genotypes(INT8, 1, 2, 4, 0),),
    "empty genotypes": (genotypes(INT8, 0), format_of(GQ, INT8, 1, 1, 2, 3)),
    "one value": (format_of(GQ, INT8, 1, 99, MISSING[INT8], -5),),
    "vectors": (format_of(AD, INT16, 2, 1, 2, 300, MISSING[INT16], 5, 6),),
    "vectors that end early": (
        format_of(AD, INT16, 3, 1, 2, 3, 300, END16, END16, MISSING[INT16], 4, END16),
    ),
    "an empty vector": (format_of(AD, INT8, 2, END8, END8, 1, END8, 1, 2),),
    "values behind the end of a vector": (format_of(AD, INT8, 3, 1, END8, 9, 1, 2, 3, 4, 5, END8),),
    "floats": (format_of(AF, FLOAT, 2, 0.5, 1e-9, MISSING[FLOAT], END[FLOAT], math.nan, 12345.25),),
    "strings": (bcf.integer(FT, INT8) + bcf.describe(CHARACTERS, 4) + b"PASSq10\0.\0\0\0",),
    "characters": (bcf.integer(FT, INT8) + bcf.describe(CHARACTERS, 1) + b"ab\0",),
    "no field": (),
    "all": (
        genotypes(INT8, 2, 2, 4, 2, 5, 0, 0),
        format_of(GQ, INT8, 1, 99, MISSING[INT8], 5),
        format_of(AD, INT16, 3, 1, 2, 3, 300, END16, END16, MISSING[INT16], 4, END16),
        bcf.integer(FT, INT8) + bcf.describe(CHARACTERS, 4) + b"PASSq10\0.\0\0\0",
    ),
}


@pytest.mark.parametrize("name", FORMATS)
def test_formats_of_three_samples(name: str) -> None:
    data = bcf.file(bcf.record(formats=FORMATS[name], samples=3), samples=3)
    assert bcf.decode(data) == bcf.bcftools(data)


def test_many_samples_of_long_vectors() -> None:
    count, samples = 90, 3_000
    chance = random.Random(4)
    values = [chance.choice([7, 300, -5, MISSING[INT16]]) for _ in range(count * samples)]
    fields = (
        genotypes(INT8, 2, *(chance.choice([0, 2, 3, 4, 5, 24]) for _ in range(2 * samples))),
        format_of(AD, INT16, count, *values),
    )
    data = bcf.file(bcf.record(formats=fields, samples=samples), samples=samples)
    assert bcf.decode(data) == bcf.bcftools(data)


def test_vectors_longer_than_a_slice_of_samples() -> None:
    values = [*range(100_000), *range(70_000), *[END[INT32]] * 30_000]
    data = bcf.file(bcf.record(formats=(format_of(AD, INT32, 100_000, *values),), samples=2), samples=2)
    assert bcf.decode(data) == bcf.bcftools(data)


@pytest.mark.parametrize("seed", range(3))
def test_floats_of_any_bits(seed: int) -> None:
    chance = random.Random(seed)

    def bits() -> int:
        any_bits = chance.getrandbits(32)
        halves = chance.randrange(4_000_000) / chance.choice([1, 2, 4, 16, 64])
        plain = chance.choice([1, -1]) * 10 ** chance.uniform(-6, 8)
        number = chance.choice([halves, plain, round(plain, 3)])
        encoded: int = struct.unpack("<I", struct.pack("<f", number))[0]
        drawn = any_bits if chance.random() < 0.3 else encoded
        return drawn if drawn != END[FLOAT] else 0

    fields = [bcf.info(AF, bcf.vector(FLOAT, *(bits() for _ in range(10)))) for _ in range(2_000)]
    data = bcf.file(*(bcf.record(infos=(field,), quality=bits()) for field in fields))
    assert bcf.decode(data) == bcf.bcftools(data)


@pytest.mark.parametrize("pack", [bytes, gzipped, bgzf], ids=["plain", "gzip", "bgzf"])
def test_the_demo_in_each_packing(pack: object) -> None:
    text = gzip.decompress((ROOT / "demo" / "kgp_eur5.chr20.vcf.gz").read_bytes())
    data = pack(bcf.bcftools(text, "-Ou"))  # type: ignore[operator]
    assert bcf.decode(data) == bcf.bcftools(text)


def test_every_real_file_that_bcftools_writes_as_bcf(shared: Path) -> None:
    compared = 0
    for path in (shared / "data").rglob("*.vcf*"):
        if not path.name.endswith((".vcf", ".vcf.gz")) or path.stat().st_size > 3_000_000:
            continue
        try:
            data = bcf.bcftools(path.read_bytes(), "-Ob")
        except subprocess.CalledProcessError:
            continue
        assert bcf.decode(data) == bcf.bcftools(data), path.name
        compared += 1
    assert compared > 20
