"""The addresses under which AnyVar serves what has another name here, 1.0.0's and those that came later."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from tests.api.conftest import Submit, body
from tests.factories import make_run, store_input
from vcfjobs.models import Run
from vcfjobs.registry import search
from vcfjobs.worker import executor

PLACE = {"accession": "tiny:1", "start": "0", "end": "240"}


@pytest.mark.django_db
def test_a_run_is_polled_and_fetched_below_vcf_runs_too(client: Client, succeeded: Run) -> None:
    ours, theirs = (client.get(f"{address}/{succeeded.run_id}") for address in ("/vcf", "/vcf/runs"))
    assert (theirs.status_code, theirs["ETag"]) == (200, ours["ETag"])
    assert body(theirs) == body(ours)
    assert body(client.get(f"/vcf/runs/{succeeded.run_id}")).startswith(b"##fileformat=")


@pytest.mark.django_db
def test_a_pending_run_below_vcf_runs_is_json_that_says_so(client: Client) -> None:
    make_run(run_id="a")
    answer = client.get("/vcf/runs/a")
    assert (answer.status_code, answer.json()["status"]) == (202, "PENDING")
    assert client.get("/vcf/runs/none").json()["status"] == "NOT_FOUND"


@pytest.mark.django_db
def test_a_run_may_be_called_runs(client: Client, submit: Submit) -> None:
    assert submit(run_async="true", run_id="runs").status_code == 202
    assert client.get("/vcf/runs").json()["run_id"] == "runs"


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the pages that were asked of the registry."""
    asked: list[int] = []
    overlapping = search.overlapping

    def telling(*args: Any, size: int, cursor: str) -> Any:
        asked.append(size)
        return overlapping(*args, size=size, cursor=cursor)

    monkeypatch.setattr(search, "overlapping", telling)
    return asked


@pytest.mark.django_db(transaction=True)
def test_a_search_finds_what_variations_finds(
    client: Client, tiny_assembly: str, settings: Settings, sizes: list[int]
) -> None:
    """And at once as much as may be: AnyVar 1.0 knows no pages, its clients take the first for all."""
    settings.ANYVAR_REGISTER = True
    run = make_run()
    store_input(run)
    executor.run(run.pk, task_id="t", worker="w")
    ours, theirs = (client.get(address, PLACE) for address in ("/variations", "/search"))
    assert len(theirs.json()["variations"]) == 6
    assert (theirs.status_code, theirs.json()) == (200, ours.json())
    assert sizes == [1000, 10_000]
    assert len(client.get("/search", PLACE | {"page_size": "2"}).json()["variations"]) == 2
    assert client.get("/search", PLACE | {"accession": "tiny:none"}).status_code == 404
