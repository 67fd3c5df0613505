"""P20: a download goes on though its run expires, and one that broke off is resumed to the same bytes."""

from __future__ import annotations

import hashlib
import os

import pytest
import requests

from tests.faults.conftest import Install
from tests.faults.files import LARGE, SMALL
from tests.servers import wait_until


@pytest.mark.parametrize("representation", ["vcf", "vcf.gz"])
def test_a_slow_download_completes_though_the_run_expires_and_is_410_after(
    install: Install, representation: str
) -> None:
    made = install(CELERY_RESULT_EXPIRES="4")
    made.start_web()
    made.start_worker("--concurrency=1")
    location = made.submit(LARGE)
    folder = made.folder_of(location)
    run = made.wait_for(location)
    with requests.get(f"{made.url}{location}?format={representation}", stream=True, timeout=60) as answer:
        assert answer.status_code == 200
        parts = answer.iter_content(65_536)
        received = next(parts)
        wait_until(lambda: not folder.exists() or os.listdir(folder) == [], "the files are gone", 30)
        received += b"".join(parts)
        length = answer.headers.get("Content-Length")
    assert length is None or int(length) == len(received)
    assert len(received) == run["result_bytes" if representation == "vcf.gz" else "result_text_bytes"]
    gone = requests.get(f"{made.url}{location}", timeout=30)
    assert (gone.status_code, gone.json()["error_code"]) == (410, "EXPIRED")


def test_a_download_that_broke_off_is_resumed(install: Install) -> None:
    made = install()
    made.start_web()
    made.start_worker("--concurrency=1")
    location = made.submit(SMALL * 1)
    run = made.wait_for(location)
    address = f"{made.url}/runs/{run['id']}/result.vcf.gz"
    first = requests.get(address, timeout=30)
    half = first.content[: len(first.content) // 2]
    rest = requests.get(
        address, headers={"Range": f"bytes={len(half)}-", "If-Range": first.headers["ETag"]}, timeout=30
    )
    assert rest.status_code == 206
    assert hashlib.sha256(half + rest.content).hexdigest() == run["result_sha256"]
