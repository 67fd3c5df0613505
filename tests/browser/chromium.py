"""Chromium as the system has it installed, with an empty profile, asking nobody for anything."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, expect, sync_playwright

SECONDS = 20.0  # for whatever is waited for: CI's machines are slow
QUIET = [
    "--no-sandbox",  # root, as in a container, has none
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class MissingBrowserError(Exception):
    """No Chromium is installed."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; raises MissingBrowserError."""
    binary = shutil.which("chromium")
    if binary is None:
        raise MissingBrowserError("chromium is not installed")
    with sync_playwright() as playwright:
        expect.set_options(timeout=SECONDS * 1000)
        browser = playwright.chromium.launch(executable_path=binary, args=QUIET)
        try:
            yield browser
        finally:
            browser.close()
