"""P11: simultaneous submits of one run_id make one run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.faults.conftest import Install
from tests.faults.files import SMALL, records


@pytest.mark.parametrize("same", [True, False], ids=["the same file", "two files"])
def test_fifty_submits_at_once_make_one_run(install: Install, same: bool) -> None:
    made = install()
    made.start_web()
    files = [SMALL, SMALL if same else records(51)]

    def submit(number: int) -> requests.Response:
        query = {"run_async": "true", "run_id": "one"}
        return requests.put(f"{made.url}/vcf", params=query, data=files[number % 2], timeout=60)

    with ThreadPoolExecutor(50) as clients:
        answers = list(clients.map(submit, range(50)))
    accepted = [answer for answer in answers if answer.status_code == 202]
    refused = [answer for answer in answers if answer.status_code != 202]
    assert len(accepted) >= (50 if same else 1)
    assert {(answer.status_code, answer.json()["error_code"]) for answer in refused} <= {
        (400, "RUN_ID_IN_USE")
    }
    assert len(made.runs()) == 1
    made.start_worker()
    assert made.wait_for("/vcf/one")["status"] == "succeeded"
