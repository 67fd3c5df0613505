"""axe-core in a page: what it objects to."""

from __future__ import annotations

from typing import Literal

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

# The rules of these tags, and those of them that a colour scheme may break.
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = ["color-contrast", "link-in-text-block"]
# A busy browser answers before the page has changed, and tells the page's scripts of it frames later.
SETTLED = """async scheme => {
    const frame = () => new Promise(requestAnimationFrame);
    do { await frame(); await frame(); }
    while (!matchMedia(`(prefers-color-scheme: ${scheme})`).matches
        || document.getAnimations().some(each => each instanceof CSSTransition));
}"""


def violations(page: Page, but: tuple[str, ...] = ()) -> str:
    """Each violation in light and in dark, with the element; no rule of those named in `but` is asked."""
    page.evaluate(AXE_SCRIPT)  # by the debugging protocol, which the page's policy does not hinder
    _choose(page, "light")
    found = _run(page, {"type": "tag", "values": TAGS}, but)
    _choose(page, "dark")
    return "\n".join(
        found + [f"dark, {each}" for each in _run(page, {"type": "rule", "values": COLOURS}, but)]
    )


def _choose(page: Page, scheme: Literal["light", "dark"]) -> None:
    """Show the page in the colour scheme, once every transition to its colours is over."""
    page.emulate_media(color_scheme=scheme)
    page.evaluate(SETTLED, scheme)


def _run(page: Page, rules: dict[str, object], but: tuple[str, ...]) -> list[str]:
    without = {rule: {"enabled": False} for rule in but}
    # Preloading serves a rule on @media (orientation), which no stylesheet here has; it breaks the policy.
    options = {"runOnly": rules, "rules": without, "resultTypes": ["violations"], "preload": False}
    found = page.evaluate("options => axe.run(options)", options)["violations"]
    return [f"{each['id']}: {node['html']}" for each in found for node in each["nodes"]]
