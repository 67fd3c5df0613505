"""The genome view of a run: opened on demand, from this server alone, with what the file says as text."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.accounts import log_in, make_accounts
from tests.browser.axe import violations
from tests.browser.console_watch import watched
from tests.browser.test_submit import choose
from tests.e2e.processes import Service, service
from tests.factories import HEADER

HOSTILE = "<b>bold</b><img>"
RECORDS = f"chr1\t1\tfirst\tA\tC\t.\tPASS\tNOTE={HOSTILE}\nchr1\t40\tsecond\tAGC\tA\t.\tPASS\t.\n"


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that asks who is there."""
    with service(tmp_path_factory.mktemp("closed"), ANYVAR_AUTH_TOKEN_LIST="a-token") as made:
        make_accounts(made)
        made.start_worker("--concurrency=1")
        made.start_web()
        yield made


@pytest.fixture(scope="module")
def address(running: Service) -> str:
    """The page of a run with an index."""
    run = running.wait_for(running.submit((HEADER + RECORDS).encode(), run_id="genome-view"))
    assert run["links"]["index"]
    return f"/jobs/{run['id']}/"


def locus(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Locus")


def opened(page: Page, address: str) -> Page:
    page.goto(address)
    page.get_by_role("button", name="Open the genome view").click()
    expect(locus(page)).to_have_value("chr1:1-41")
    page.wait_for_load_state("networkidle")
    return page


def click_variant(page: Page) -> Locator:
    """Click on the record at the first base, left of the track's label; what pops up."""
    track = page.locator(".igv-viewport").filter(has=page.get_by_text("Result", exact=True))
    track.click(position={"x": 3, "y": 14})
    return page.locator(".igv-ui-popover").last


@pytest.mark.smoke
def test_the_view_opens_at_the_first_record_and_shows_a_record_with_its_identifiers(
    page: Page, address: str
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    page.get_by_role("heading", name="Genome view").wait_for()
    assert not [url for url in asked if "igv" in url or "references" in url]  # not before it is opened
    opened(page, address)
    assert [url for url in asked if url.endswith("/references/tiny.fa")]
    popup = click_variant(page)
    expect(popup).to_contain_text("VRS_Allele_IDs ga4gh:VA.")
    expect(popup).to_contain_text(f"NOTE {HOSTILE}")
    expect(popup.locator("img, b:text-is('bold')")).to_have_count(0)


def test_axe_has_nothing_to_object_to_in_an_open_view(page: Page, address: str) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    assert violations(opened(page, address)) == ""


def test_an_open_view_is_not_wider_than_the_narrowest_screen(page: Page, address: str) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    opened(page, address)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 320


def test_a_row_of_the_table_leads_to_its_place(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_role("button", name="View chr1:40 in the genome view").click()
    expect(locus(page)).to_have_value("chr1:20-60")
    page.get_by_role("button", name="View chr1:1 in the genome view").click()
    expect(locus(page)).to_have_value("chr1:1-41")
    expect(page.get_by_role("button", name="Open the genome view")).to_have_count(0)


def test_a_view_that_cannot_be_loaded_says_so(page: Page, address: str) -> None:
    page.goto(address)
    page.route("**/igv.esm.min.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    page.get_by_role("button", name="Open the genome view").click()
    expect(page.get_by_text("could not be loaded")).to_be_visible()
    expect(page.get_by_role("button", name="Open the genome view")).to_be_enabled()


def test_a_file_that_is_not_sorted_has_no_view(page: Page, running: Service) -> None:
    unsorted = "".join(RECORDS.splitlines(keepends=True)[::-1])
    run = running.wait_for(running.submit((HEADER + unsorted).encode()))
    page.goto(f"/jobs/{run['id']}/")
    expect(page.get_by_role("heading", name="Variants")).to_be_visible()
    expect(page.get_by_role("heading", name="Genome view")).to_have_count(0)
    expect(page.get_by_role("button", name="View chr1:1 in the genome view")).to_have_count(0)


def test_the_owner_of_a_run_in_a_closed_service_sees_it(browser: Browser, closed: Service) -> None:
    session = log_in(browser, closed, "grace")
    with watched(browser, closed.url, storage_state=session) as watch:
        page = watch.context.new_page()
        choose(page, (HEADER + RECORDS).encode(), "hers.vcf")
        page.get_by_role("button", name="Submit", exact=True).click()
        page.get_by_role("heading", name="Variants").wait_for()
        opened(page, page.url)
        expect(click_variant(page)).to_contain_text("VRS_Allele_IDs ga4gh:VA.")
