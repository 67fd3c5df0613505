"""People with accounts in a closed service, and their sessions."""

from __future__ import annotations

from playwright.sync_api import Browser, StorageState

from tests.browser.console_watch import watched
from tests.e2e.processes import Service

PASSWORD = "correct-horse-battery"
PEOPLE = f"""
from django.contrib.auth.models import User
User.objects.create_superuser("ada", password="{PASSWORD}")
User.objects.create_user("grace", password="{PASSWORD}")
"""


def make_accounts(made: Service) -> None:
    """Make Ada, who may see and do everything, and Grace."""
    made.manage("shell", "-c", PEOPLE)


def log_in(browser: Browser, made: Service, name: str) -> StorageState:
    """The cookies of somebody who has logged in."""
    with watched(browser, made.url) as watch:
        page = watch.context.new_page()
        page.goto("/")
        page.get_by_label("Username").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("heading", name="Runs").wait_for()
        return watch.context.storage_state()
