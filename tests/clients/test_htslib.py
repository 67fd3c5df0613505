"""bcftools opens a result by its address and reads a region of it: the index beside it, and a part of it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.clients import TOKEN, relay, running_service
from tests.e2e.processes import Service
from tests.faults.files import records

pytestmark = pytest.mark.skipif(shutil.which("bcftools") is None, reason="bcftools is not installed")

# Sorted, and so much that a region is a small part of the file.
CONTENT = records(40_000)
RECORDS = [line.split("\t") for line in CONTENT.decode().splitlines() if not line.startswith("#")]
REGION = "chr1:100-101"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_service(tmp_path_factory.mktemp("service")) as made:
        yield made


@pytest.fixture(scope="module")
def result(running: Service) -> str:
    """The address of a result, below that of its service."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    query = {"run_async": "true", "run_id": "large", "register": "false"}
    requests.put(f"{running.url}/vcf", CONTENT, params=query, headers=headers, timeout=60)
    ended = requests.get(f"{running.url}/vcf/large?wait=60", headers=headers, timeout=90)
    assert ended.status_code == 200, ended.text
    return "/runs/large/result.vcf.gz"


def bcftools(folder: Path, *arguments: str, token: str = TOKEN) -> subprocess.CompletedProcess[str]:
    """bcftools with the token in a file, as docs/clients.md says; in `folder`, where it puts the index."""
    (folder / "token.txt").write_text(f"{token}\n")
    environment = {"PATH": os.environ["PATH"], "HTS_AUTH_LOCATION": str(folder / "token.txt")}
    environment["HTS_ALLOW_UNENCRYPTED_AUTHORIZATION_HEADER"] = "I understand the risks"
    return subprocess.run(
        ["bcftools", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_a_region_is_read_by_the_address_and_is_a_part_of_the_file(
    running: Service, result: str, tmp_path: Path
) -> None:
    with relay(running.url) as between:
        done = bcftools(tmp_path, "view", "-H", f"{between.url}{result}", REGION)
        ranges = [headers.get("Range", "") for request, headers, _ in between.seen if request.endswith("gz")]
        asked = {request for request, _, status in between.seen if status in (200, 206)}
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    here = [record for record in RECORDS if record[1] in ("100", "101")]
    assert [line.split("\t")[2] for line in lines] == [record[2] for record in here]
    assert all("VRS_Allele_IDs=ga4gh:VA." in line for line in lines)
    assert f"GET {result}.tbi" in asked
    begins = [int(each.removeprefix("bytes=").partition("-")[0]) for each in ranges if each]
    assert max(begins) > 50_000  # it went on where the index says, not from the first byte


def test_the_whole_is_read_by_the_address(running: Service, result: str, tmp_path: Path) -> None:
    done = bcftools(tmp_path, "query", "-f", "%ID\n", f"{running.url}{result}")
    assert done.stdout.splitlines() == [record[2] for record in RECORDS], done.stderr


def test_without_the_token_nothing_is_read(running: Service, result: str, tmp_path: Path) -> None:
    done = bcftools(tmp_path, "view", "-H", f"{running.url}{result}", REGION, token="another")
    assert (done.returncode != 0, done.stdout) == (True, "")
