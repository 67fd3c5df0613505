"""What happens when a worker's child hangs or dies, and when a result's time is up; no beat runs anywhere."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.e2e.processes import Service, service
from tests.e2e.test_protocol import poll, submit
from tests.factories import HEADER
from tests.servers import wait_until

pytestmark = pytest.mark.e2e

LONG = (HEADER + "chr1\t22\t.\tA\tAAA\t.\t.\t.\n" * 300_000).encode()


def start_long_run(made: Service) -> tuple[subprocess.Popen[bytes], str, str]:
    """A worker that is busy: its process, where to poll, where the detail is."""
    made.start_web()
    worker = made.start_worker("--concurrency=1")  # so that the one child is the busy one
    accepted = submit(made.url, LONG)
    detail = f"{made.url}/runs/{accepted.json()['run_id']}/"
    wait_until(lambda: look(detail)["records_done"] > 0, "records are annotated")
    return worker, accepted.headers["Location"], detail


def look(detail: str) -> dict[str, Any]:
    answer: dict[str, Any] = requests.get(detail, timeout=30).json()
    return answer


def test_a_child_that_hangs_is_killed_at_the_hard_limit_and_its_run_ends_as_too_long(tmp_path: Path) -> None:
    # Without registration: a child that is stopped inside a write of SQLite would hold its lock.
    limits = {"CELERY_SOFT_TIME_LIMIT": "5", "CELERY_TASK_TIME_LIMIT": "6", "ANYVAR_REGISTER": "false"}
    with service(tmp_path, **limits) as made:
        worker, location, detail = start_long_run(made)
        for pid in made.children(worker):
            os.kill(pid, signal.SIGSTOP)
        ended = poll(made.url, location)
        assert (ended.status_code, ended.json()["error_code"]) == (500, "TIME_LIMIT_EXCEEDED")
        run = look(detail)
        wait_until(
            lambda: len(os.listdir(made.folder / "work" / "runs" / run["id"])) <= 2, "one attempt's files"
        )
        assert poll(made.url, submit(made.url).headers["Location"]).status_code == 200  # the worker goes on


@pytest.mark.parametrize(("again", "status", "attempts"), [("false", 500, 1), ("true", 200, 2)])
def test_a_child_that_dies_fails_its_run_or_has_it_done_again_as_the_setting_says(
    tmp_path: Path, again: str, status: int, attempts: int
) -> None:
    with service(tmp_path, CELERY_TASK_REJECT_ON_WORKER_LOST=again, ANYVAR_REGISTER="false") as made:
        worker, location, detail = start_long_run(made)
        for pid in made.children(worker):
            os.kill(pid, signal.SIGKILL)
        ended = poll(made.url, location)
        assert ended.status_code == status
        if status == 500:
            assert ended.json()["error_code"] == "WORKER_LOST_ERROR"
        assert look(detail)["attempt"] == attempts


def test_a_cancelled_run_stops_and_leaves_its_input_alone(tmp_path: Path) -> None:
    with service(tmp_path, ANYVAR_LEASE_SECONDS="3", ANYVAR_REGISTER="false") as made:
        _, location, detail = start_long_run(made)
        assert requests.post(f"{detail}cancel", timeout=30).status_code == 202
        folder = made.folder / "work" / "runs" / look(detail)["id"]
        wait_until(lambda: os.listdir(folder) == ["input"], "the output is gone", 10)
        assert poll(made.url, location).json()["error_code"] == "CANCELLED"
        assert requests.post(f"{detail}retry", timeout=30).status_code == 202
        assert poll(made.url, location).status_code == 200


def test_a_result_goes_when_its_time_is_up_and_the_row_says_so(tmp_path: Path) -> None:
    with service(tmp_path, CELERY_RESULT_EXPIRES="4", ANYVAR_LEASE_SECONDS="4") as made:
        made.start_web()
        made.start_worker()
        location = submit(made.url).headers["Location"]
        assert poll(made.url, location).status_code == 200
        wait_until(lambda: requests.get(f"{made.url}{location}", timeout=30).status_code == 410, "410", 20)
        wait_until(lambda: os.listdir(made.folder / "work" / "runs") == [], "the files are gone", 20)
        assert requests.get(f"{made.url}{location}", timeout=30).json()["error_code"] == "EXPIRED"
