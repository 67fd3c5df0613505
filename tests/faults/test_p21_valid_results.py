"""P21: a result is valid and complete: others read as many records as were sent."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from pathlib import Path

import pysam
import pytest

from tests.faults.conftest import Install
from tests.faults.files import RECORDS, records
from vcfjobs.vrs.bgzf.blocks import END_BLOCK

DECLARED = (
    b'##fileformat=VCFv4.2\n##contig=<ID=chr1>\n##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">\n'
)
CONTENT = records(RECORDS).replace(b"##fileformat=VCFv4.2\n", DECLARED)


def test_pysam_and_bcftools_read_every_record(install: Install, shard_bytes: str, tmp_path: Path) -> None:
    made = install(ANYVAR_SHARD_BYTES=shard_bytes)
    made.start_web()
    made.start_worker()
    location = made.submit(gzip.compress(CONTENT, 1))
    run = made.wait_for(location)
    assert (run["status"], run["records_done"]) == ("succeeded", RECORDS)
    path = tmp_path / "result.vcf.gz"
    path.write_bytes(made.result(location))  # whose digest is the row's
    assert path.read_bytes().endswith(END_BLOCK)
    with pysam.VariantFile(str(path)) as file:
        identifiers = [record.info["VRS_Allele_IDs"] for record in file]
    assert len(identifiers) == RECORDS
    assert all(len(of_record) == 2 for of_record in identifiers)
    assert all(name.startswith("ga4gh:VA.") for of_record in identifiers for name in of_record)
    bcftools = shutil.which("bcftools")
    if bcftools is None:
        pytest.skip("pysam has read it; bcftools is not installed")
    counted = subprocess.run(
        [bcftools, "query", "-f", "%POS\n", str(path)], check=True, capture_output=True, text=True
    )
    assert counted.stderr == ""
    assert counted.stdout.count("\n") == RECORDS
