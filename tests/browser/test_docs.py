"""The description of the API is read in the browser under the same policy as everything else."""

from __future__ import annotations

from playwright.sync_api import Page, expect


def test_the_docs_show_the_operations_under_the_policy(page: Page) -> None:
    answer = page.goto("/docs/")
    assert answer is not None
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    expect(page.get_by_role("button", name="PUT /vcf").first).to_be_visible()
    expect(page.get_by_role("button", name="GET /runs/").first).to_be_visible()
