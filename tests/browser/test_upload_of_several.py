"""Several files at once: a row and a run for each, whatever becomes of the others."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import FilePayload, Locator, Page, expect

from tests.browser.axe import violations
from tests.browser.console_watch import Watch
from tests.browser.test_upload import drop, large, slow_down
from tests.e2e.processes import Service
from tests.factories import VCF


def choose(page: Page, **contents: bytes) -> None:
    """Choose files in the form, which is on the first page; their names are without suffix."""
    page.goto("/")
    files = [
        FilePayload(name=f"{name}.vcf", mimeType="text/plain", buffer=content)
        for name, content in contents.items()
    ]
    page.get_by_label("VCF file").set_input_files(files)


def submit(page: Page) -> None:
    page.get_by_role("button", name="Submit", exact=True).click()


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("list", name="Files").get_by_role("listitem").filter(has_text=f"{name}.vcf")


def test_each_of_several_files_becomes_a_run_and_a_refused_one_says_why(
    page: Page, watch: Watch, running: Service
) -> None:
    choose(page, first=VCF, wrong=b"no VCF", last=VCF)
    expect(page.get_by_label("Run id")).to_be_disabled()
    expect(page.get_by_role("main")).to_contain_text("3 files")
    watch.expect(400)
    submit(page)
    expect(page.get_by_text("2 of 3 files submitted")).to_be_visible()
    expect(row(page, "wrong")).to_contain_text("##fileformat")
    assert violations(page) == ""
    for name in ("first", "last"):
        link = row(page, name).get_by_role("link", name="its run").get_attribute("href") or ""
        run = running.wait_for(link.rstrip("/"))
        assert (run["status"], run["file_name"]) == ("succeeded", f"{name}.vcf")


def test_files_that_were_refused_stay_chosen(page: Page, watch: Watch) -> None:
    choose(page, good=VCF, wrong=b"no VCF", empty=b"")
    watch.expect(400)
    submit(page)
    expect(page.get_by_text("1 of 3 files submitted")).to_be_visible()
    names = page.get_by_label("VCF file").evaluate("input => [...input.files].map(file => file.name)")
    assert names == ["wrong.vcf", "empty.vcf"]


def test_several_files_that_are_dropped_are_submitted(page: Page, running: Service, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("dropped-a.vcf", "dropped-b.vcf")]
    for path in paths:
        path.write_bytes(VCF)
    page.goto("/")
    drop(page, *paths)
    submit(page)
    expect(page.get_by_text("2 of 2 files submitted")).to_be_visible()
    page.get_by_role("link", name="Show the runs").click()
    for path in paths:
        expect(page.get_by_role("row").filter(has_text=path.name)).to_be_visible()


def test_a_cancelled_upload_of_several_keeps_what_was_submitted(page: Page, running: Service) -> None:
    choose(page, small=VCF, large=large(), never=VCF)
    network = slow_down(page)
    submit(page)
    own = page.get_by_role("progressbar", name="Upload of large.vcf")
    expect(own).to_have_attribute("value", re.compile(r"0\.\d"))
    both = page.get_by_role("progressbar", name="Upload", exact=True)
    assert 0 < float(both.get_attribute("value") or "") < 1
    expect(page.get_by_role("main")).to_contain_text("Sending 2 of 3")
    expect(row(page, "never")).to_contain_text("Waiting")
    before = len(running.runs())
    page.get_by_role("button", name="Cancel the upload").click()
    expect(page.get_by_text("1 of 3 files submitted")).to_be_visible()
    expect(row(page, "small").get_by_role("link", name="its run")).to_be_visible()
    expect(row(page, "large")).to_contain_text("cancelled")
    expect(row(page, "never")).to_contain_text("Not sent")
    assert len(running.runs()) == before
    network.detach()
