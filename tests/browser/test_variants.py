"""The variants of a run in a browser: filtered and paged, also without JavaScript, and copied with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import wait_for_status
from tests.browser.console_watch import watched
from tests.conftest import TINY_CONTIG
from tests.e2e.processes import Service
from tests.factories import HEADER

RECORDS = "".join(
    f"chr1\t{number + 1}\tr{number}\t{TINY_CONTIG[number]}\t<DEL>\t.\tPASS\t.\n" for number in range(60)
)
SNV = "chr1\t1\tsnv\tA\tC\t.\tPASS\t.\n"


@pytest.fixture(scope="module")
def key(running: Service) -> str:
    """A run of 61 records, of which the first alone has an ALT with an identifier."""
    files = {"vcf": ("many.vcf", (HEADER + SNV + RECORDS).encode())}
    answer = requests.put(f"{running.url}/vcf?run_async=true", files=files, timeout=30)
    run_id = answer.json()["run_id"]
    wait_for_status(running, run_id, "succeeded")
    return str(run_id)


@pytest.fixture
def plain(browser: Browser, running: Service) -> Iterator[Page]:
    """A tab without JavaScript."""
    with watched(browser, running.url, java_script_enabled=False) as watch:
        yield watch.context.new_page()


def test_without_javascript_variants_are_filtered_and_paged(plain: Page, key: str) -> None:
    plain.goto(f"/jobs/{key}/")
    rows = plain.locator("table.variants tbody tr")
    expect(rows).to_have_count(25)
    plain.get_by_label("Region", exact=True).fill("chr1:11-60")
    plain.get_by_role("button", name="Filter").click()
    expect(rows.first).to_contain_text("r10")
    plain.get_by_role("link", name="Next").click()
    expect(rows.first).to_contain_text("r35")
    plain.get_by_role("link", name="Previous").click()
    expect(rows.first).to_contain_text("r10")
    plain.get_by_role("link", name="Show all").click()
    plain.get_by_label("Type", exact=True).select_option("SNV")
    plain.get_by_role("button", name="Filter").click()
    expect(rows).to_have_count(1)


def test_an_identifier_is_copied_and_found_by_the_search(
    browser: Browser, running: Service, key: str
) -> None:
    permissions = ["clipboard-read", "clipboard-write"]
    with watched(browser, running.url, permissions=permissions) as watch:
        page = watch.context.new_page()
        page.goto(f"/jobs/{key}/")
        button = page.get_by_role("button", name="Copy ga4gh:VA.").last
        button.click()
        expect(button).to_have_text("Copied")
        copied = page.evaluate("navigator.clipboard.readText()")
        page.get_by_role("searchbox", name="VRS id, region or run").fill(copied)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text(copied)
