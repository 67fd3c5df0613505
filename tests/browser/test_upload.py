"""The upload where JavaScript is there: dropped on the page, followed while it is sent, cancelled."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import CDPSession, Page, expect

from tests.browser.axe import violations
from tests.browser.test_submit import choose
from tests.e2e.processes import Service
from tests.factories import HEADER, RECORDS, VCF

COPY = 1  # of the debugging protocol's drag operations


def drop(page: Page, *paths: Path) -> None:
    """Drop files from the user's disk on the middle of the form, as a hand would."""
    button = page.get_by_role("button", name="Submit", exact=True)
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    assert box is not None
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": COPY}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": box["x"], "y": box["y"], "data": data})


def slow_down(page: Page) -> CDPSession:
    """Send no more than 100 kB a second from this page."""
    session: CDPSession = page.context.new_cdp_session(page)
    conditions: dict[str, Any] = {"offline": False, "latency": 0, "downloadThroughput": -1}
    session.send("Network.emulateNetworkConditions", conditions | {"uploadThroughput": 100_000})
    return session


def large(times: int = 1) -> bytes:
    """A file of half a megabyte, or of several times as much."""
    return (HEADER + RECORDS * 5_000 * times).encode()


def test_a_file_that_is_dropped_on_the_page_is_submitted(
    page: Page, running: Service, tmp_path: Path
) -> None:
    path = tmp_path / "dropped.vcf"
    path.write_bytes(VCF)
    page.goto("/")
    drop(page, path)
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page.get_by_role("heading", name="dropped.vcf")).to_be_visible()
    run = running.wait_for(page.url.rstrip("/"))
    assert (run["status"], run["records_done"]) == ("succeeded", RECORDS.count("\n"))


def test_a_folder_that_is_dropped_is_refused(page: Page, tmp_path: Path) -> None:
    page.goto("/")
    drop(page, tmp_path)
    expect(page.get_by_role("main")).to_contain_text("Drop files, not a folder")
    assert page.get_by_label("VCF file").evaluate("input => input.files.length") == 0


def test_an_upload_shows_how_much_of_it_is_sent(page: Page, running: Service) -> None:
    choose(page, large(6), "large.vcf")  # under way until all of the page has been checked
    network = slow_down(page)
    page.get_by_role("button", name="Submit", exact=True).click()
    bar = page.get_by_role("progressbar", name="Upload")
    expect(bar).to_be_visible()
    expect(bar).not_to_have_attribute("value", "0")
    before = float(bar.get_attribute("value") or "")
    expect(bar).not_to_have_attribute("value", str(before))
    assert 0 < before < float(bar.get_attribute("value") or 1) <= 1
    expect(page.get_by_role("main")).to_contain_text(re.compile(r"KB of \d.* \d+ %"))
    assert violations(page) == ""
    network.send("Network.disable")
    expect(page.get_by_role("heading", name="large.vcf")).to_be_visible()
    assert running.wait_for(page.url.rstrip("/"))["status"] == "succeeded"


def test_an_upload_that_is_cancelled_submits_nothing_and_can_be_begun_again(
    page: Page, running: Service
) -> None:
    before = len(running.runs())
    choose(page, large(), "large.vcf")
    network = slow_down(page)
    page.get_by_role("button", name="Submit", exact=True).click()
    page.get_by_role("button", name="Cancel the upload").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was submitted")
    assert len(running.runs()) == before
    network.detach()
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page.get_by_role("heading", name="large.vcf")).to_be_visible()
