"""Records of every shape that a VCF holds, drawn at random: what the two engines are compared on."""

from __future__ import annotations

import random

from vcfjobs.vrs.sequences.flat_files import FlatSequence, Reference

UNKNOWN = "chrUn"
_LETTERS = "ACGT"
_IUPAC = "ACGTURYSWKMBDHVN"
_ODD_ALTS = (
    *("*", "<DEL>", "<NON_REF>", "<*>", ".", "", "G[chr1:50[", "]chr2:3]A", "G.", ".A", "ACG<INS>", "P"),
    *("A,P", "A,", ",A", ",", "a,*", "<DEL>,C", ".,A", "A,.", "<", "<A", "é"),
)
_INFOS = (
    ".",
    ".",
    "DP=3",
    "DP=3;AC=1",
    "END_S=1;S_=2",
    "DP=3;AF=0.5",
    "FLAG",
    "",
    "X=;Y",
    ".;DP=1",
    "CSQ=" + "T|x|" * 60,
)
# Older VRS fields, and what only looks like them.
_OLD_INFOS = (
    "VRS_Allele_IDs=x",
    "DP=1;VRS_States=A,C;VRS_Error=e;X",
    "VRS_States",
    "VRS_Other=1",
    "AVRS_Ends=2;DP=1",
)


def reference(draw: random.Random) -> Reference:
    """Four contigs: a repetitive one, a tiny one, one with a long run, and an empty one."""
    long_run = "".join(draw.choices(_LETTERS, k=50)) + "A" * 6_000 + "CAG" * 700 + "T" * 20
    contigs = {
        "chr1": _repetitive(draw, 2_000),
        "chr2": "ACG",
        "HLA-A*01:01": _repetitive(draw, 300),
        "run": long_run,
        "empty": "",
    }
    return Reference("X", {name: FlatSequence.from_bytes(text.encode()) for name, text in contigs.items()})


def _repetitive(draw: random.Random, size: int) -> str:
    text = ""
    while len(text) < size:
        letters = _LETTERS if draw.random() < 0.9 else _IUPAC
        text += "".join(draw.choices(letters, k=draw.randint(1, 6))) * draw.choice((1, 1, 1, 2, 4, 9, 30))
    return text


def lines(draw: random.Random, on: Reference, count: int) -> bytes:
    """So many lines of records, a few of them blank, the last perhaps without its end."""
    names = [*on.contigs, UNKNOWN]
    name = names[0]
    found: list[str] = []
    for number in range(count):
        if draw.random() < 0.03:
            name = draw.choice(names)
        if draw.random() < 0.005:
            found.append("")
        found.append(_record(draw, on, name, number))
    return "\n".join(found).encode() + (b"\n" if draw.random() < 0.8 else b"")


def _record(draw: random.Random, on: Reference, name: str, number: int) -> str:
    bases = bytes(on.contigs[name].bases).decode() if name in on.contigs else "ACGT"
    start = draw.randrange(len(bases)) if bases else 0
    ref = bases[start : start + draw.choice((1, 1, 1, 1, 2, 3, 5, 12, 60))]
    if draw.random() < 0.01:
        start, ref = draw.choice((-1, len(bases), len(bases) + 70, 10**9, 10**12)), "A"
    elif draw.random() < 0.02:
        ref = "".join(draw.choices(_LETTERS, k=draw.randint(1, 4)))
    elif draw.random() < 0.005:
        ref = draw.choice(("", "*", "<X>", "N" * 1_001, ".", "AP"))
    elif draw.random() < 0.005:
        ref = bases[start : start + 1_200]
    alt = ",".join(
        _alt(draw, bases, start, ref) for _ in range(1 if draw.random() < 0.9 else draw.randint(2, 5))
    )
    if draw.random() < 0.06:
        alt = draw.choice(_ODD_ALTS)
    elif draw.random() < 0.002:
        alt = ",".join(draw.choices(_LETTERS, k=draw.choice((99, 100, 101, 150))))
    if draw.random() < 0.05:
        ref, alt = ref.lower(), alt.lower()
    info = draw.choice(_INFOS if draw.random() < 0.97 else _OLD_INFOS)
    samples = draw.choice(("", "", "", "\tGT\t0/1", "\tGT:DP\t0/1:3\t.", "\t" + "x" * 50))
    end = "\r" if draw.random() < 0.01 else ""
    return f"{name}\t{start + 1}\trs{number}\t{ref}\t{alt}\t.\tPASS\t{info}{samples}{end}"


def _alt(draw: random.Random, bases: str, start: int, ref: str) -> str:
    kind = draw.random()
    if kind < 0.5:
        return "".join(draw.choices(_LETTERS, k=len(ref)))
    if kind < 0.65:
        return ref[: draw.randint(1, max(1, len(ref)))] or "A"
    if kind < 0.8:  # what stands beside, a few times over
        end = start + len(ref)
        return ref + (bases[end : end + draw.randint(1, 6)] or "A") * draw.randint(1, 4)
    if kind < 0.84:
        return ref
    if kind < 0.99:
        return "".join(draw.choices(_IUPAC, k=draw.choice((1, 2, 3, 30, 58, 59, 60, 61, 62, 90, 119, 130))))
    return ref + "".join(draw.choices(_LETTERS, k=draw.choice((230, 400, 990, 1_001, 2_500))))
