"""Deterministic data: a synthetic contig, a sites-only VCF on it, and a VCF with many samples."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from vcfjobs.vrs.bgzf.files import BgzfWriter

DATA = Path(__file__).resolve().parent / "data"
CONTIG = "chr1"
CHUNK = 10_000


def contig(bases: int, seed: int = 1) -> bytes:
    """Random residues, of which every fiftieth place or so begins a short repeat."""
    draw = random.Random(seed)
    parts: list[bytes] = []
    length = 0
    while length < bases:
        parts.append(bytes(draw.choices(b"ACGT", k=draw.randint(30, 70))))
        parts.append(bytes(draw.choices(b"ACGT", k=draw.randint(1, 4))) * draw.randint(2, 8))
        length += len(parts[-1]) + len(parts[-2])
    return b"".join(parts)[:bases]


def header(samples: int = 0) -> str:
    """The header of either kind of file."""
    lines = [
        "##fileformat=VCFv4.2",
        '##FILTER=<ID=PASS,Description="All filters passed">',
        f"##contig=<ID={CONTIG}>",
        '##INFO=<ID=AC,Number=A,Type=Integer,Description="Allele count">',
        '##INFO=<ID=AF,Number=A,Type=Float,Description="Allele frequency">',
        '##INFO=<ID=AN,Number=1,Type=Integer,Description="Allele number">',
        '##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">',
        '##INFO=<ID=NS,Number=1,Type=Integer,Description="Samples with data">',
    ]
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
    if samples:
        lines += [
            '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
            '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Depths">',
            '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">',
            '##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Quality">',
            '##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Likelihoods">',
        ]
        columns += "\tFORMAT\t" + "\t".join(f"S{number}" for number in range(samples))
    return "\n".join([*lines, columns]) + "\n"


def records(sequence: bytes, count: int, seed: int = 2, *, multiallelic: bool = True) -> Iterator[str]:
    """The first eight columns of `count` records: 88 % SNVs, 10 % indels, 2 % with two ALTs."""
    draw = random.Random(seed)
    step = max(1, (len(sequence) - 200) // count)
    text = sequence.decode()
    others = {base: "ACGT".replace(base, "") for base in "ACGT"}
    for number in range(count):
        at = 100 + number * step
        base, kind = text[at], draw.random()
        ref, alt = base, draw.choice(others[base])
        if kind > 0.94:
            ref, alt = text[at : at + draw.randint(2, 9)], base
        elif kind > 0.88:
            alt = base + (
                text[at + 1 : at + 1 + draw.randint(1, 4)]
                if kind > 0.91
                else "".join(draw.choices("ACGT", k=3))
            )
        elif kind > 0.86 and multiallelic:
            alt = ",".join(others[base][:2])
        depth = 20 + number % 400
        yield (
            f"{CONTIG}\t{at + 1}\trs{number}\t{ref}\t{alt}\t{30 + number % 70}\tPASS\t"
            f"AC={number % 97};AF=0.{number % 10000:04d}1;AN={depth * 2};DP={depth * 31};NS={depth}"
        )


def sites_only(path: Path, sequence: bytes, count: int, *, bgzf: bool = False) -> Path:
    """A VCF without samples."""
    return _write(path, header(), (line + "\n" for line in records(sequence, count)), bgzf=bgzf)


def with_samples(path: Path, sequence: bytes, count: int, samples: int) -> Path:
    """A BGZF with GT:AD:DP:GQ:PL of many samples, drawn from a pool of columns."""
    draw = random.Random(3)
    pool = [_genotypes(draw, samples) for _ in range(64)]
    lines = (
        f"{line}\tGT:AD:DP:GQ:PL\t{pool[number % len(pool)]}\n"
        for number, line in enumerate(records(sequence, count, multiallelic=False))
    )
    return _write(path, header(samples), lines, bgzf=True)


def _genotypes(draw: random.Random, samples: int) -> str:
    return "\t".join(
        f"{draw.choice(('0/0', '0/0', '0/0', '0/1', '1/1'))}:{draw.randint(0, 40)},{draw.randint(0, 20)}:"
        f"{draw.randint(10, 60)}:{draw.randint(0, 99)}:0,{draw.randint(0, 99)},{draw.randint(100, 999)}"
        for _ in range(samples)
    )


def _write(path: Path, head: str, lines: Iterator[str], *, bgzf: bool) -> Path:
    """Write once; a file that is there already is the same."""
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}")
    with draft.open("wb") as file:
        sink = BgzfWriter(file) if bgzf else file
        sink.write(head.encode())
        batch: list[str] = []
        for line in lines:
            batch.append(line)
            if len(batch) == CHUNK:
                sink.write("".join(batch).encode())
                batch.clear()
        sink.write("".join(batch).encode())
        if isinstance(sink, BgzfWriter):
            sink.close()
    draft.replace(path)
    return path
