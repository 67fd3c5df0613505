"""Everything works without JavaScript; what is new is seen by loading the page again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Waiting, wait_for_status
from tests.browser.test_live import status_of
from tests.browser.test_submit import choose
from tests.e2e.processes import Service


@pytest.fixture
def options() -> dict[str, Any]:
    return {"java_script_enabled": False}


def test_without_javascript_a_file_is_submitted_looked_at_and_downloaded(
    page: Page, running: Service, waiting: Waiting, tmp_path: Path
) -> None:
    content, go_on = waiting.file()
    choose(page, content)
    page.get_by_role("button", name="Submit", exact=True).click()
    location = page.url.rstrip("/")
    wait_for_status(running, location, "running")
    page.reload()
    expect(status_of(page)).to_contain_text("Running")
    go_on()
    wait_for_status(running, location, "succeeded")
    expect(status_of(page)).to_contain_text("Running")  # nothing changes by itself
    page.reload()
    expect(status_of(page)).to_contain_text("Succeeded")
    with page.expect_download() as downloading:
        page.get_by_role("link", name="BGZF").click()
    downloading.value.save_as(tmp_path / "result")
    assert (tmp_path / "result").read_bytes() == running.result(location)


def test_without_javascript_a_run_is_cancelled_and_deleted(
    page: Page, running: Service, waiting: Waiting
) -> None:
    content, _ = waiting.file()
    choose(page, content, "unwanted.vcf")
    page.get_by_role("button", name="Submit", exact=True).click()
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(status_of(page)).to_contain_text("Cancelled")
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("row").filter(has_text="unwanted.vcf")).to_have_count(0)
