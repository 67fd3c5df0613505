"""Whatever the OpenAPI document allows, and much of what it does not, makes the service fail nowhere."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from tests.conftest import PROJECT
from tests.e2e.processes import Service, service
from tests.faults.files import SMALL

SCHEMA = schemathesis.openapi.from_path(PROJECT / "tests" / "api" / "schema.yaml")
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "25"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with a run, so that there is something to find."""
    folder = tmp_path_factory.mktemp("openapi")
    # A run that failed is answered with AnyVar's 500: here with another, to tell it from what must not be.
    failed = {"ANYVAR_VCF_ASYNC_FAILURE_STATUS_CODE": "422"}
    with service(folder, ANYVAR_SUBMIT_RATE="1000000/min", ANYVAR_REGISTER="true", **failed) as running:
        running.start_web()
        running.start_worker("--concurrency=1")
        running.wait_for(running.submit(SMALL, run_id="0"))
        yield running


@pytest.mark.slow
@SCHEMA.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    database=None,
)
def test_no_call_is_answered_by_a_server_error(case: schemathesis.Case, made: Service) -> None:
    response = case.call(base_url=made.url)
    assert response.status_code < 500, response.text
    if response.status_code >= 400:
        assert response.json()
    assert response.headers["x-content-type-options"] == ["nosniff"]
