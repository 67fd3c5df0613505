"""AnyVar's asynchronous protocol against real processes, on the embedded default and at scale's parts."""

from __future__ import annotations

import gzip
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.e2e.processes import Service, service
from tests.factories import HEADER, VCF
from tests.servers import own_database, wait_until


@pytest.fixture(scope="module", params=["embedded", "redis and postgres"])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Web and worker."""
    folder = tmp_path_factory.mktemp("service")
    if request.param == "embedded":
        with service(folder) as made:
            made.start_web()
            made.start_worker()
            yield made
        return
    redis_url = request.getfixturevalue("redis_url")
    with own_database(request.getfixturevalue("postgres_url")) as database:
        queue = f"test_{uuid.uuid4().hex}"
        with service(
            folder, DATABASE_URL=database, CELERY_BROKER_URL=redis_url, CELERY_TASK_DEFAULT_QUEUE=queue
        ) as made:
            made.start_web()
            made.start_worker()
            yield made


def submit(url: str, content: bytes = VCF, **query: str) -> requests.Response:
    return requests.put(
        f"{url}/vcf", params={"run_async": "True"} | query, files={"vcf": ("in.vcf", content)}, timeout=30
    )


def poll(url: str, location: str, seconds: float = 60) -> requests.Response:
    give_up = time.monotonic() + seconds
    while True:
        answer = requests.get(f"{url}{location}", timeout=30)
        if answer.status_code != 202:
            return answer
        assert time.monotonic() < give_up, "the run did not end"
        time.sleep(min(0.2, int(answer.headers["Retry-After"])))


def test_submit_poll_fetch(running: Service) -> None:
    accepted = submit(running.url, add_vrs_attributes="true")
    assert accepted.status_code == 202
    assert accepted.json()["status"] == "PENDING"
    done = poll(running.url, accepted.headers["Location"])
    assert done.status_code == 200
    records = [line for line in done.text.splitlines() if not line.startswith("#")]
    assert len(records) == 3
    assert all("VRS_Allele_IDs=ga4gh:VA." in record for record in records)


def test_the_result_can_be_fetched_again_and_as_bgzf(running: Service) -> None:
    location = submit(running.url).headers["Location"]
    first = poll(running.url, location)
    again = requests.get(f"{running.url}{location}", timeout=30)
    packed = requests.get(f"{running.url}{location}", params={"format": "vcf.gz"}, timeout=30)
    assert again.content == first.content == gzip.decompress(packed.content)


def test_gzip_comes_in_like_plain_text(running: Service) -> None:
    plain = poll(running.url, submit(running.url).headers["Location"])
    packed = poll(running.url, submit(running.url, gzip.compress(VCF)).headers["Location"])
    assert packed.content == plain.content


def test_a_raw_body_is_the_file(running: Service) -> None:
    accepted = requests.put(f"{running.url}/vcf?run_async=1", data=VCF, timeout=30)
    assert poll(running.url, accepted.headers["Location"]).status_code == 200


def test_the_answer_inside_the_request_is_the_same(running: Service) -> None:
    later = poll(running.url, submit(running.url).headers["Location"])
    at_once = submit(running.url, run_async="false")
    assert at_once.status_code == 200
    assert at_once.content == later.content


def test_a_bad_record_fails_the_run_with_its_line(running: Service) -> None:
    bad = VCF + b"chr1\t9\t.\tA\tC\t.\t.\t.\n" * 200 + b"chr1\tsecret\t.\tA\tC\t.\t.\t.\n"
    ended = poll(running.url, submit(running.url, bad).headers["Location"])
    assert ended.status_code == 500
    assert ended.json()["error_code"] == "RUN_FAILURE"
    assert "Line 206" in ended.json()["error"]
    assert "secret" not in ended.text


def test_waiting_poll_answers_when_the_run_ends(running: Service) -> None:
    location = submit(running.url).headers["Location"]
    answer = requests.get(f"{running.url}{location}", params={"wait": "20"}, timeout=30)
    assert answer.status_code == 200


def test_nothing_but_owned_files_stays(running: Service) -> None:
    submit(running.url, b"not a VCF")
    work = running.folder / "work"
    listed = {
        run["id"] for run in requests.get(f"{running.url}/runs/?page_size=200", timeout=30).json()["results"]
    }
    assert list((work / "spool").iterdir()) == []
    assert {folder.name for folder in (work / "runs").iterdir()} <= listed


def test_ready_says_which_parts_are_there(running: Service) -> None:
    answer = requests.get(f"{running.url}/readyz", timeout=30)
    assert answer.status_code == 200
    assert answer.json()["parts"] == {"database": "ok", "broker": "ok", "work_directory": "ok"}


@pytest.mark.slow
@pytest.mark.parametrize("pool", ["prefork", "solo"])
def test_both_pools_end_a_run_at_its_soft_limit(tmp_path: Path, pool: str) -> None:
    limits = {"CELERY_SOFT_TIME_LIMIT": "1", "CELERY_TASK_TIME_LIMIT": "600", "ANYVAR_KERNEL": "off"}
    with service(tmp_path, **limits) as made:
        made.start_web()
        made.start_worker(f"--pool={pool}")
        # Several seconds of work for the pure engine, a chunk at a time.
        long = (HEADER + "chr1\t22\t.\tA\tAAA\t.\t.\t.\n" * 400_000).encode()
        accepted = submit(made.url, long)
        assert accepted.status_code == 202, accepted.text
        ended = poll(made.url, accepted.headers["Location"])
        assert (ended.status_code, ended.json()["error_code"]) == (500, "TIME_LIMIT_EXCEEDED")
        run = requests.get(f"{made.url}/runs/{accepted.json()['run_id']}/", timeout=30).json()
        folder = made.folder / "work" / "runs" / run["id"]
        # The worker tidies up after it has said how the run ended.
        wait_until(lambda: os.listdir(folder) == ["input"], "the input alone is left")


def test_a_worker_with_threads_refuses_to_start_with_a_sentence(tmp_path: Path) -> None:
    with service(tmp_path) as made:
        worker = made.start_worker("--pool=threads")
        wait_until(lambda: worker.poll() is not None, "the worker ends")
        assert worker.returncode != 0
        assert "prefork and solo pools only" in made.log("worker-0")
