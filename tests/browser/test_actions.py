"""What a user may ask of a run: cancel, retry, delete."""

from __future__ import annotations

import os
import signal

import requests
from playwright.sync_api import Page, expect

from tests.browser.conftest import Waiting
from tests.browser.test_live import status_of
from tests.e2e.processes import Service
from tests.factories import VCF


def open_page(page: Page, running: Service, location: str) -> None:
    page.goto(f"/jobs/{running.look(location)['id']}/")


def test_a_running_run_is_cancelled_from_its_page(page: Page, running: Service, waiting: Waiting) -> None:
    content, go_on = waiting.file()
    location = running.submit(content)
    open_page(page, running, location)
    expect(status_of(page)).to_contain_text("Running")
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(status_of(page)).to_contain_text("Cancelled")
    expect(page.get_by_role("button", name="Cancel", exact=True)).to_have_count(0)
    assert running.look(location)["status"] == "cancelled"
    go_on()


def test_a_run_that_fails_says_why_and_succeeds_when_it_is_tried_again(
    page: Page, running: Service, waiting: Waiting
) -> None:
    content, go_on = waiting.file()
    location = running.submit(content)
    open_page(page, running, location)
    expect(status_of(page)).to_contain_text("Running")
    (child,) = running.children(running.processes[0])
    os.kill(child, signal.SIGKILL)
    expect(status_of(page)).to_contain_text("Failed")
    run = running.look(location)
    assert run["error_code"] == "WORKER_LOST_ERROR"
    expect(status_of(page)).to_contain_text(run["error_code"])
    expect(status_of(page)).to_contain_text(run["error"])
    page.get_by_role("button", name="Retry", exact=True).click()
    expect(status_of(page)).to_contain_text("Running")
    expect(page.get_by_text(run["error"])).to_have_count(0)
    go_on()
    expect(status_of(page)).to_contain_text("Succeeded")
    assert running.look(location)["attempt"] == 2


def test_a_run_is_deleted_after_a_question(page: Page, running: Service) -> None:
    location = running.submit(VCF, run_id="to-be-deleted")
    run = running.wait_for(location)
    open_page(page, running, location)
    page.get_by_role("link", name="Delete").click()
    expect(page.get_by_role("heading", name="Delete this run?")).to_be_visible()
    page.get_by_role("link", name="Keep it").click()
    assert running.look(location)["status"] == "succeeded"
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("to-be-deleted and its files were deleted")
    expect(page.get_by_role("row").filter(has_text="to-be-deleted")).to_have_count(0)
    assert requests.get(f"{running.url}/runs/{run['id']}/", timeout=30).status_code == 404
