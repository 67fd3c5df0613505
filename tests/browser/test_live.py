"""Pages that change by themselves while a run does, and ask for nothing once it is over."""

from __future__ import annotations

import requests
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import GoOn, Waiting
from tests.browser.console_watch import Watch
from tests.e2e.processes import Service
from tests.factories import HEADER, RECORDS
from vcfjobs.worker.lease import PROGRESS_SECONDS

MIB = 2**20
MINUTE = 60_000  # ms
A_MOMENT = 300  # ms, for requests to be begun


def assert_rests(watch: Watch) -> None:
    """No page asks for anything within what it takes for a minute."""
    watch.requests.clear()
    watch.context.clock.fast_forward(MINUTE)
    watch.context.pages[0].wait_for_timeout(A_MOMENT)
    assert watch.requests == []


def status_of(page: Page) -> Locator:
    return page.get_by_role("region", name="Status")


def row_of(page: Page, file_name: str) -> Locator:
    return page.get_by_role("row").filter(has_text=file_name)


def long_file(waiting: Waiting) -> tuple[bytes, list[GoOn]]:
    """Four pieces of a mebibyte for the worker, of which the later ones wait to be let go on."""
    padding = "chr1\t1\t.\tA\tC\t.\tPASS\tX=" + "x" * 1000 + "\n"
    piece = padding * (MIB // len(padding) + 1)
    held = [waiting.record() for _ in range(2)]
    records = piece + piece + held[0][0] + piece + piece + held[1][0] + RECORDS
    return (HEADER + records).encode(), [go_on for _, go_on in held]


def test_both_pages_follow_a_run_by_themselves_and_rest_when_it_is_over(
    watch: Watch, running: Service, waiting: Waiting
) -> None:
    watch.context.clock.install()  # goes like any clock, but can be put forward
    content, go_on = waiting.file()
    location = running.submit(content, run_id="followed")
    run_list, run_page = (watch.context.new_page() for _ in range(2))
    run_list.goto("/")
    run_page.goto(f"/jobs/{running.look(location)['id']}/")
    expect(row_of(run_list, "followed")).to_contain_text("Running")
    expect(status_of(run_page)).to_contain_text("Running")
    loads: list[str] = []
    for page in (run_list, run_page):
        page.on("framenavigated", lambda frame: loads.append(frame.url))
    go_on()
    expect(row_of(run_list, "followed")).to_contain_text("Succeeded")
    expect(status_of(run_page)).to_contain_text("Succeeded")
    expect(run_page.get_by_role("link", name="BGZF")).to_be_visible()
    expect(run_page.get_by_role("button", name="Cancel", exact=True)).to_have_count(0)
    expect(run_page.locator("[aria-live=polite]")).to_have_text("Succeeded")  # a reader of the page hears it
    assert loads == []
    watch.context.new_page().goto("/")  # and pages that were opened when all was over do not begin to ask
    watch.context.new_page().goto(run_page.url)
    assert_rests(watch)


def test_progress_moves_while_a_long_file_is_annotated(
    page: Page, running: Service, waiting: Waiting
) -> None:
    content, (to_the_middle, to_the_end) = long_file(waiting)
    location = running.submit(content, run_id="long")
    page.goto(f"/jobs/{running.look(location)['id']}/")
    bar = status_of(page).get_by_role("progressbar", name="Progress of long")
    expect(bar).to_be_visible()
    page.wait_for_timeout(PROGRESS_SECONDS * 1000)
    before = bar.get_attribute("value") or ""
    to_the_middle()
    expect(bar).not_to_have_attribute("value", before)
    assert 0 < float(before) < float(bar.get_attribute("value") or "") < 1
    to_the_end()
    expect(status_of(page)).to_contain_text("Succeeded")
    expect(bar).to_have_count(0)


def test_a_page_of_a_run_that_is_deleted_elsewhere_says_so_and_rests(
    page: Page, watch: Watch, running: Service, waiting: Waiting
) -> None:
    watch.context.clock.install()
    content, _ = waiting.file()
    run = running.look(running.submit(content))
    page.goto(f"/jobs/{run['id']}/")
    expect(status_of(page)).to_contain_text("Running")
    watch.expect(404)
    assert requests.delete(f"{running.url}/runs/{run['id']}/", timeout=30).status_code == 204
    expect(page.get_by_text("This run was deleted")).to_be_visible()
    assert_rests(watch)
