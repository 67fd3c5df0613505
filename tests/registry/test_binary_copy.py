"""The rows of a COPY: a long literal is written as a short one is."""

from __future__ import annotations

import numpy as np
import pytest

from vcfjobs.registry import binary_copy
from vcfjobs.registry.binary_copy import binary_rows
from vcfjobs.vrs.vcf.alleles import AlleleRow
from vcfjobs.vrs.vcf.batch import AlleleBatch


def test_long_literals_are_written_as_short_ones_are(monkeypatch: pytest.MonkeyPatch) -> None:
    literals = ("ACGT", "TTTT", "", "C", None, "GGCA")
    rows: list[AlleleRow] = [
        (b"%024d" % number, "SQ.x", number, number + 1, literal, 3 if literal is None else None, None)
        for number, literal in enumerate(literals)
    ]
    batch = AlleleBatch.from_rows(rows)
    keys = np.zeros(len(rows), np.int64)
    short = b"".join(binary_rows(batch, keys, keys))
    monkeypatch.setattr(binary_copy, "LONG_LITERAL", 0)
    assert b"".join(binary_rows(batch, keys, keys)) == short
    assert b"GGCA" in short
