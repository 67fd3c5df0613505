"""export_alleles: whole files only, and a sentence when it fails."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError

from vcfjobs.models import Allele, Sequence

pytestmark = [pytest.mark.django_db]


@pytest.fixture(autouse=True)
def _alleles() -> None:
    sequence = Sequence.objects.create(accession="SQ." + "s" * 32, length=100)
    for start in range(3):
        digest = "ABC"[start] + "A" * 31
        Allele.objects.create(digest=digest, sequence=sequence, start=start, end=start, span=0, literal="C")


def test_each_line_is_one_allele_and_a_name_in_gz_gets_bgzf(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.ndjson", tmp_path / "a.ndjson.gz"
    for output in (plain, packed):
        call_command("export_alleles", "-o", str(output))
    starts = [json.loads(line)["location"]["start"] for line in plain.read_text().splitlines()]
    assert starts == [0, 1, 2]
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()


def test_an_export_that_fails_keeps_the_old_file_and_leaves_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Allele.to_vrs
    exported: list[Allele] = []

    def once(allele: Allele) -> dict[str, Any]:
        exported.append(allele)
        if len(exported) > 1:
            raise DatabaseError("gone")
        return whole(allele)

    output = tmp_path / "a.ndjson"
    output.write_text("old")
    monkeypatch.setattr(Allele, "to_vrs", once)
    with pytest.raises(CommandError, match="The alleles were not exported"):
        call_command("export_alleles", "-o", str(output))
    assert output.read_text() == "old"
    assert not list(tmp_path.glob(".*.part"))


def test_an_output_that_cannot_be_written_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be written: No such file") as refused:
        call_command("export_alleles", "-o", str(tmp_path / "nowhere" / "a"))
    assert refused.value.returncode == 2
