"""P14: a full disk is a clear error, leaves no half file, and is over when there is space again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.faults.conftest import Install
from tests.faults.disks import MIB, small_disk
from tests.faults.files import SMALL, records


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", 6) as folder:
        yield folder


def test_a_full_disk_is_said_and_recovered_from(install: Install, disk: Path, shard_bytes: str) -> None:
    made = install(
        ANYVAR_VCF_ASYNC_WORK_DIR=str(disk / "work"),
        ANYVAR_MIN_FREE_BYTES="0",
        ANYVAR_SHARD_BYTES=shard_bytes,
    )
    made.start_web()
    made.start_worker("--concurrency=1")
    # More than the disk holds: refused while it arrives.
    answer = requests.put(f"{made.url}/vcf?run_async=true", data=bytes(8 * MIB), timeout=60)
    assert (answer.status_code, answer.json()["error_code"]) == (503, "STORAGE_FULL")
    assert int(answer.headers["Retry-After"]) > 0
    # The file fits, and what is written beside it does not.
    content = records(70_000)
    filler = disk / "filler"
    filler.write_bytes(bytes(6 * MIB - len(content) - 400_000))
    location = made.submit(content)
    run = made.wait_for(location)
    assert (run["status"], run["error_code"]) == ("failed", "RUN_FAILURE")
    assert "no space left" in run["error"]
    assert [path.name for path in made.folder_of(location).rglob("*")] == ["input"]
    filler.unlink()
    assert requests.post(f"{made.url}/runs/{run['id']}/retry", timeout=30).status_code == 202
    run = made.wait_for(location)
    assert (run["status"], run["records_done"]) == ("succeeded", 70_000)
    assert made.wait_for(made.submit(SMALL))["status"] == "succeeded"
