"""annotate_vcf --tsv, --ndjson and --parquet: beside the VCF or instead of it, whole or not at all."""

from __future__ import annotations

import gzip
import io
import json
import sys
from pathlib import Path

import duckdb
import pytest
from django.core.management import CommandError, call_command
from pyarrow import parquet

from tests.factories import HEADER, RECORDS, VCF
from vcfjobs.vrs.columns.formats import encoded, encoder
from vcfjobs.vrs.columns.rows import NAMES

pytestmark = [pytest.mark.django_db]

FORMATS = ("tsv", "ndjson", "parquet")


@pytest.fixture
def source(tmp_path: Path, tiny_assembly: str) -> Path:
    path = tmp_path / "in" / "in.vcf"
    path.parent.mkdir()
    path.write_bytes(VCF)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the command writes."""
    path = tmp_path / "out"
    path.mkdir()
    return path


def annotate(source: Path, *options: object) -> None:
    call_command("annotate_vcf", str(source), "--assembly", "tiny", "-v", "0", *map(str, options))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("name", FORMATS)
def test_a_table_instead_of_the_vcf(
    source: Path, folder: Path, name: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    annotate(source, f"--{name}", folder / "out")
    assert names(folder) == {"out"}
    assert (folder / "out").stat().st_size
    assert capfdbinary.readouterr().out == b""


@pytest.mark.parametrize("threads", [1, 2])
def test_all_tables_beside_the_vcf_say_what_it_says(source: Path, folder: Path, threads: int) -> None:
    options = [word for name in FORMATS for word in (f"--{name}", folder / name)]
    annotate(source, "--threads", threads, "-o", folder / "out.vcf", "--add-vrs-attributes", *options)
    vcf = (folder / "out.vcf").read_bytes()
    for name in FORMATS:
        assert (folder / name).read_bytes() == b"".join(encoded([vcf], encoder(name)))
    assert parquet.read_table(folder / "parquet")["length"].to_pylist()[:2] == [1, None]


def test_tables_that_end_in_gz_are_gzip(source: Path, folder: Path) -> None:
    paths = {name: folder / f"out.{name}.gz" for name in ("tsv", "ndjson")}
    annotate(source, *(word for name, path in paths.items() for word in (f"--{name}", path)))
    lines = gzip.decompress(paths["tsv"].read_bytes()).decode().splitlines()
    assert lines[0].split("\t") == list(NAMES)
    objects = gzip.decompress(paths["ndjson"].read_bytes()).splitlines()
    assert [json.loads(row)["chrom"] for row in objects] == ["chr1"] * 6
    assert len(duckdb.read_csv(str(paths["tsv"]), sep="\t").fetchall()) == 6
    assert len(duckdb.read_json(str(paths["ndjson"])).fetchall()) == 6


@pytest.mark.parametrize("name", FORMATS)
def test_a_table_to_standard_output(
    source: Path, name: str, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, write_through=True))
    annotate(source, f"--{name}", "-", "-o", folder / "out.vcf")
    assert out.getvalue() == b"".join(encoded([(folder / "out.vcf").read_bytes()], encoder(name)))


@pytest.mark.parametrize(
    "options",
    [
        ["-o", "{folder}/x", "--tsv", "{folder}/x"],
        ["--ndjson", "-", "--tsv", "-"],
        ["--parquet", "{folder}/x.parquet.gz"],
        ["--tsv", "{folder}/nowhere/x"],
        ["-o", "{folder}/x", "--ndjson", "{folder}"],
    ],
)
def test_wrong_usage_ends_with_code_2_and_writes_nothing(
    source: Path, folder: Path, options: list[str]
) -> None:
    with pytest.raises(CommandError) as caught:
        annotate(source, *(option.format(folder=folder) for option in options))
    assert caught.value.returncode == 2
    assert names(folder) == set()


def test_parquet_without_pyarrow_is_wrong_usage_with_a_sentence(
    source: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "vcfjobs.vrs.columns.parquet", None)
    with pytest.raises(CommandError, match="pyarrow is not installed") as caught:
        annotate(source, "--parquet", folder / "x", "--tsv", folder / "y")
    assert caught.value.returncode == 2
    assert names(folder) == set()


def test_a_malformed_line_leaves_old_tables_as_they_were(source: Path, folder: Path) -> None:
    source.write_text(HEADER + RECORDS + "chr1\tx\t.\tA\tG\t.\t.\t.\n")
    for name in FORMATS:
        (folder / name).write_text("old")
    with pytest.raises(CommandError, match="6"):
        annotate(source, *(word for name in FORMATS for word in (f"--{name}", folder / name)))
    assert names(folder) == set(FORMATS)
    assert {(folder / name).read_text() for name in FORMATS} == {"old"}


@pytest.mark.parametrize("name", FORMATS)
def test_a_full_disk_ends_with_code_1_and_one_sentence(source: Path, name: str) -> None:
    with pytest.raises(CommandError, match="No space left on device") as caught:
        annotate(source, f"--{name}", "/dev/full")
    assert caught.value.returncode == 1
