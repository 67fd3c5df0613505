"""What no page may do: complain in the console, break its policy, or ask anybody but its own server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Request

from tests.browser.chromium import SECONDS

REFUSED = "Failed to load resource: the server responded with a status of {}"
# Pages, and what their scripts ask for; not their scripts, styles and icons.
ASKED_BY_PAGES = ("document", "fetch", "xhr", "eventsource", "websocket")


class Watch:
    """Listens to every page of a context.

    A script or style that the Content-Security-Policy blocks is an error in the console, as is an answer
    of 400 and above: `expect` names the one that a test is about.
    """

    def __init__(self, context: BrowserContext, origin: str) -> None:
        self.context = context
        self.requests: list[str] = []
        self._origin = origin
        self._expected: set[str] = set()
        self._seen: set[str] = set()
        self._faults: list[str] = []
        context.on("console", self._on_console)
        context.on("weberror", lambda error: self._faults.append(f"uncaught: {error.error}"))
        context.on("request", self._on_request)

    def expect(self, status: int) -> None:
        """An answer of this status is what the test is about, so it has to come."""
        self._expected.add(REFUSED.format(status))

    def check(self) -> None:
        """Fail if there was anything to complain about."""
        assert not self._faults, "\n".join(self._faults)
        assert self._seen == self._expected

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        if message.location["url"] == f"{self._origin}/favicon.ico":
            return  # a browser asks for it by itself where a page names no icon, as Django's admin
        for expected in self._expected:
            if message.text.startswith(expected):
                self._seen.add(expected)
                return
        self._faults.append(f"{message.type} in the console of {message.location['url']}: {message.text}")

    def _on_request(self, request: Request) -> None:
        if request.resource_type in ASKED_BY_PAGES:
            self.requests.append(f"{request.method} {request.url.removeprefix(self._origin)}")
        if not request.url.startswith((f"{self._origin}/", "data:")):
            self._faults.append(f"{request.url} is asked for, which is not this server's")


@contextmanager
def watched(browser: Browser, origin: str, **options: Any) -> Iterator[Watch]:
    """A browser context at a server, whose pages have done nothing wrong when it ends well."""
    context = browser.new_context(base_url=origin, **options)
    context.set_default_timeout(SECONDS * 1000)
    watch = Watch(context, origin)
    try:
        yield watch
    finally:
        context.close()
    watch.check()
