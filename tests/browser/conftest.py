"""What the tests in a browser share: a service, a browser, tabs that are watched, and files that wait."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.chromium import SECONDS, MissingBrowserError, chromium
from tests.browser.console_watch import Watch, watched
from tests.e2e.processes import Service, service
from tests.factories import HEADER, RECORDS
from tests.servers import wait_until

GoOn = Callable[[], None]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium; the tests are skipped where it is not installed, but never in CI."""
    try:
        with chromium() as launched:
            yield launched
    except MissingBrowserError as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


class Waiting:
    """Files whose annotation waits in the worker until a test lets it go on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()

    def record(self) -> tuple[str, GoOn]:
        """A record at which the worker waits, and what lets it go on."""
        path = self._folder / uuid.uuid4().hex
        path.touch()
        return f"chr1\t1\thold-{path.name}\tA\tC\t.\tPASS\t.\n", lambda: path.unlink(missing_ok=True)

    def file(self) -> tuple[bytes, GoOn]:
        """A small file that waits at its first record."""
        record, go_on = self.record()
        return (HEADER + record + RECORDS).encode(), go_on

    def let_all_go_on(self) -> None:
        """Nothing waits any longer."""
        for path in self._folder.iterdir():
            path.unlink()


@pytest.fixture(scope="package")
def running(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """An open service with one worker process, which waits where it is told to."""
    folder = tmp_path_factory.mktemp("service")
    # A child that is killed is missed by the sweep, before Celery is sure, and not tried again unasked.
    settings = {"ANYVAR_LEASE_SECONDS": "3", "ANYVAR_RUN_MAX_ATTEMPTS": "1"}
    with service(folder, HELD_DIR=str(folder / "held"), **settings) as made:
        made.start_worker("--concurrency=1", app="tests.browser.held_worker")
        made.start_web()
        yield made
        made.kill()  # a worker that still waits ends by force alone


@pytest.fixture(scope="package")
def _waiting(running: Service) -> Waiting:
    return Waiting(Path(running.environment["HELD_DIR"]))


@pytest.fixture
def waiting(_waiting: Waiting) -> Iterator[Waiting]:
    """Files that wait, at the longest until the test's end."""
    yield _waiting
    _waiting.let_all_go_on()


@pytest.fixture
def options() -> dict[str, Any]:
    """How the browser differs from an ordinary one; for tests to override."""
    return {}


@pytest.fixture
def watch(browser: Browser, running: Service, options: dict[str, Any]) -> Iterator[Watch]:
    """A fresh profile at the service."""
    with watched(browser, running.url, **options) as watch:
        yield watch


@pytest.fixture
def page(watch: Watch) -> Page:
    """A tab in it."""
    return watch.context.new_page()


def wait_for_status(made: Service, location: str, status: str) -> None:
    """Return as soon as the run has this status."""
    wait_until(lambda: made.look(location)["status"] == status, f"the run is {status}", SECONDS)
