"""From the variants of a result to the alleles in them."""

from __future__ import annotations

import json

import requests
from playwright.sync_api import Page, expect

from tests.browser.console_watch import Watch
from tests.e2e.processes import Service
from tests.factories import RECORDS, VCF


def test_the_variants_of_a_result_lead_to_the_alleles_in_them(page: Page, running: Service) -> None:
    location = running.submit(VCF, run_id="with-alleles")
    run = running.wait_for(location)
    page.goto(f"/jobs/{run['id']}/")
    records = page.get_by_role("table").filter(has_text="Position").get_by_role("row")
    expect(records).to_have_count(1 + RECORDS.count("\n"))
    identifiers = requests.get(f"{running.url}/runs/{run['id']}/alleles", timeout=30).text
    for link in records.get_by_role("link").all():
        assert link.inner_text() in identifiers
    link = records.nth(2).get_by_role("link", name="ga4gh:VA.").last
    identifier = link.inner_text()
    link.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(identifier)
    as_the_api_has_it = requests.get(f"{running.url}/object/{identifier}", timeout=30).json()["data"]
    assert (
        json.loads(page.get_by_role("region", name="VRS object").locator("pre").inner_text())
        == as_the_api_has_it
    )
    page.get_by_role("region", name="with this allele").get_by_role("listitem").filter(
        has_text="with-alleles"
    ).get_by_role("link").click()
    expect(page).to_have_url(f"{running.url}/jobs/{run['id']}/")


def test_an_identifier_that_nobody_registered_is_said_to_be_unknown(page: Page, watch: Watch) -> None:
    watch.expect(404)
    page.goto("/alleles/ga4gh:VA.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Not registered")
