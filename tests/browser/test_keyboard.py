"""The keyboard alone leads from the top of the page to a run."""

from __future__ import annotations

import pytest
from playwright.sync_api import FloatRect, Page, expect

from tests.e2e.processes import Service
from tests.factories import VCF

MARGIN = 6  # px around what has the focus, for its ring
MOST_STOPS = 40
NAME_OF_FOCUSED = """() => {
    const e = document.activeElement;
    const label = e.labels?.length ? e.labels[0] : e;
    return label.textContent.trim() || e.getAttribute('aria-label') || '';
}"""


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what is called `name` has the focus; the focus can be seen all the way."""
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        assert_focus_is_seen(page)
        if page.evaluate(NAME_OF_FOCUSED) == name:
            return
    pytest.fail(f"no Tab leads to {name}")


def assert_focus_is_seen(page: Page) -> None:
    """What has the focus does not look as it does without."""
    name = page.evaluate(NAME_OF_FOCUSED)
    box = page.locator(":focus").bounding_box()
    assert box is not None
    clip: FloatRect = {
        "x": max(0, box["x"] - MARGIN),
        "y": max(0, box["y"] - MARGIN),
        "width": box["width"] + 2 * MARGIN,
        "height": box["height"] + 2 * MARGIN,
    }
    focused = page.screenshot(clip=clip)
    page.evaluate("document.activeElement.blur()")
    blurred = page.screenshot(clip=clip)
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    assert page.evaluate(NAME_OF_FOCUSED) == name
    assert focused != blurred, f"nobody sees that {name} has the focus"


def test_the_keyboard_alone_leads_from_the_top_of_the_page_to_a_run(page: Page, running: Service) -> None:
    page.goto("/")
    tab_to(page, "VCF file")
    page.locator(":focus").set_input_files({"name": "keys.vcf", "mimeType": "text/plain", "buffer": VCF})
    tab_to(page, "Run id")
    page.keyboard.type("typed")
    tab_to(page, "VRS attribute fields (start, end, state)")
    page.keyboard.press("Space")
    tab_to(page, "Submit")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="keys.vcf")).to_be_visible()
    run = running.wait_for("/vcf/typed")
    assert (run["status"], run["add_vrs_attributes"]) == ("succeeded", True)
    expect(page.get_by_role("region", name="Status")).to_contain_text("Succeeded")
    tab_to(page, "Delete…")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Delete this run?")).to_be_visible()
    tab_to(page, "Keep it")


def test_the_first_key_offers_to_skip_to_the_content(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    inside = "document.querySelector('main').contains(document.activeElement)"
    assert page.evaluate(inside)
