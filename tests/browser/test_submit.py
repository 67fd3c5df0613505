"""From a file on the user's disk to the annotated file on the user's disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Waiting
from tests.browser.console_watch import Watch
from tests.e2e.processes import Service
from tests.factories import HEADER, VCF


def choose(page: Page, content: bytes, name: str = "sample.vcf") -> None:
    """Choose a file in the form, which is on the first page."""
    page.goto("/")
    file = {"name": name, "mimeType": "text/plain", "buffer": content}
    page.get_by_label("VCF file").set_input_files(file)


@pytest.mark.smoke
def test_a_file_that_is_submitted_is_followed_to_its_result_and_downloaded(
    page: Page, running: Service, waiting: Waiting, tmp_path: Path
) -> None:
    content, go_on = waiting.file()
    choose(page, content, "trio.vcf")
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page.get_by_role("heading", name="trio.vcf")).to_be_visible()
    expect(page.get_by_role("region", name="Status")).to_contain_text("Running")
    loads: list[str] = []
    page.on("framenavigated", lambda frame: loads.append(frame.url))
    go_on()
    expect(page.get_by_role("region", name="Status")).to_contain_text("Succeeded")
    with page.expect_download() as downloading:
        page.get_by_role("link", name="BGZF").click()
    assert loads == []  # all of it without loading the page again
    downloading.value.save_as(tmp_path / "result")
    assert downloading.value.suggested_filename.endswith(".vcf.gz")
    assert (tmp_path / "result").read_bytes() == running.result(page.url.rstrip("/"))


@pytest.mark.parametrize(
    ("content", "status", "sentence"),
    [
        (b"no VCF at all\n", 400, "##fileformat"),
        ((HEADER + "chr1\tx\t.\tA\tC\t.\t.\t.\n").encode(), 400, "Line 3"),
        (VCF.replace(b"\tA\t", b"\tT\t").replace(b"\tAGC\t", b"\tTTT\t"), 422, "REF"),
    ],
    ids=["no VCF", "bad record", "other reference"],
)
def test_a_file_that_is_refused_is_refused_with_a_sentence_and_what_was_typed_stays(
    page: Page, watch: Watch, content: bytes, status: int, sentence: str
) -> None:
    choose(page, content)
    page.get_by_label("Run id").fill("my-trio")
    page.get_by_label("VRS attribute fields").check()
    page.get_by_label("Register the alleles").uncheck()
    watch.expect(status)
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page.get_by_text("Nothing was submitted")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text(sentence)
    expect(page.get_by_label("Run id")).to_have_value("my-trio")
    expect(page.get_by_label("VRS attribute fields")).to_be_checked()
    expect(page.get_by_label("Register the alleles")).not_to_be_checked()
    expect(page.get_by_label("Identifiers for REF alleles")).to_be_checked()
