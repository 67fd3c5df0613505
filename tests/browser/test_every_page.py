"""Every page in light and dark as axe sees it, and on the narrowest of screens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, StorageState

from tests.browser.accounts import log_in, make_accounts
from tests.browser.axe import violations
from tests.browser.conftest import Waiting, wait_for_status
from tests.browser.console_watch import watched
from tests.browser.test_submit import choose
from tests.e2e.processes import Service, service
from tests.factories import HEADER, RECORDS

TOKEN = "browser-token"
# What Django's own markup of the admin breaks.
DJANGOS = ("label-title-only", "target-size")
# Names without a place to break them at.
LONG = "x" * 150
UNKNOWN = "ga4gh:VA." + "A" * 32
EVERYTHING = (
    HEADER
    + f"chr1\t1\t{LONG}\tA\tA{'C' * 300}\t.\t.\t.\n"
    + RECORDS
    + "chr1\t50\t.\tTT\tGG\t.\t.\t.\n"  # another base than the reference's
    f"chr1\t60\t.\tA\t<DEL>\t.\t.\t.\nchr_{LONG}\t1\t.\tA\tC\t.\t.\t.\n"
).encode()
BROKEN_LATER = (HEADER + "chr1\t1\t.\tA\tC\t.\tPASS\t.\n" * 200 + "no record\n").encode()


@dataclass(frozen=True)
class Shown:
    """An open service with the key of a run in every status; a closed one with the cookies of people."""

    open: Service
    runs: dict[str, str]
    allele: str
    closed: Service
    waiting: str
    sessions: dict[str, StorageState]


@pytest.fixture(scope="module")
def shown(
    running: Service, _waiting: Waiting, closed: tuple[Service, str], browser: Browser
) -> Iterator[Shown]:
    """Everything that there is to see; nothing of it changes before the module's end."""
    files = {"succeeded": EVERYTHING, "failed": BROKEN_LATER}
    runs = {status: send(running, content, status) for status, content in files.items()}
    for status, key in runs.items():
        wait_for_status(running, key, status)
    content, _ = _waiting.file()
    for status in ("running", "queued", "cancelled"):
        runs[status] = send(running, content, status)
    assert requests.post(f"{running.url}/runs/{runs['cancelled']}/cancel", timeout=30).status_code == 202
    wait_for_status(running, runs["running"], "running")
    found = requests.get(f"{running.url}/runs/{runs['succeeded']}/alleles", timeout=30).json()
    allele = max(found["ids"])
    sessions = {name: log_in(browser, closed[0], name) for name in ("ada", "grace")}
    yield Shown(running, runs, allele, *closed, sessions)
    _waiting.let_all_go_on()


@pytest.fixture(scope="module")
def closed(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, str]]:
    """A service that asks who is there, and the key of somebody's run that waits in it."""
    # Nobody is at the address of its identity provider.
    provider = {"ANYVAR_AUTH_ISSUER_URL": "http://127.0.0.1:9/", "ANYVAR_AUTH_CLIENT_ID": "pages"}
    with service(tmp_path_factory.mktemp("closed"), ANYVAR_AUTH_TOKEN_LIST=TOKEN, **provider) as made:
        make_accounts(made)
        made.start_web()
        yield made, send(made, EVERYTHING, "queued", Authorization=f"Bearer {TOKEN}")


def send(made: Service, content: bytes, name: str, **headers: str) -> str:
    """Submit a file under a long name and a long run id; the run's key."""
    answer = requests.put(
        f"{made.url}/vcf",
        params={"run_async": "true", "run_id": f"{name}-{LONG}"},
        files={"vcf": (f"{name}_{LONG}.vcf", content)},
        headers=headers,
        timeout=30,
    )
    assert answer.status_code == 202, answer.text
    found = requests.get(f"{made.url}/runs/{name}-{LONG}/", headers=headers, timeout=30).json()
    return str(found["id"])


@dataclass(frozen=True)
class Sight:
    """Something to look at: who is there (nobody: at the open service), and what leads there."""

    go: Callable[[Page, Shown], Any]
    who: str = ""
    status: int = 200
    except_for: tuple[str, ...] = ()


def refused(page: Page, shown: Shown) -> None:
    """Submit what is no VCF."""
    choose(page, b"no VCF", f"{LONG}.vcf")
    page.get_by_role("button", name="Submit", exact=True).click()
    page.get_by_text("Nothing was submitted").wait_for()


def asked_back(page: Page, shown: Shown) -> None:
    """Select every run in the admin, to cancel them."""
    page.goto("/admin/vcfjobs/run/")
    page.locator("#action-toggle").check()
    page.get_by_label("Action:").select_option("cancel_runs")
    page.locator(".actions button[type=submit]").click()
    page.get_by_role("link", name="No, take me back").wait_for()


def wrong_password(page: Page, shown: Shown) -> None:
    """Fail to log in."""
    page.goto("/login/")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("alert").wait_for()


def documentation(page: Page, shown: Shown) -> None:
    """Wait for the description of the API, which a script writes."""
    page.goto("/docs/")
    page.get_by_role("button", name="PUT /vcf").first.wait_for()


def new_token(page: Page, shown: Shown) -> None:
    """Make a token, which is shown once."""
    page.goto("/tokens/")
    page.get_by_label("Name").fill(LONG[:60])
    page.get_by_role("button", name="Make a token").click()
    page.get_by_text("Copy it now").wait_for()


def run_in(status: str) -> Callable[[Page, Shown], object]:
    """To the page of the run in a status."""
    return lambda page, shown: page.goto(f"/jobs/{shown.runs[status]}/")


def filtered(query: str) -> Callable[[Page, Shown], object]:
    """To the variants of the succeeded run that a query asks for."""
    return lambda page, shown: page.goto(f"/jobs/{shown.runs['succeeded']}/?{query}")


def admin_page(address: str) -> Callable[[Page, Shown], object]:
    """To a page of the admin."""
    return lambda page, shown: page.goto(f"/admin/{address}")


SIGHTS = {
    "list": Sight(lambda page, shown: page.goto("/")),
    "nothing found": Sight(lambda page, shown: page.goto("/?search=nothing")),
    **{status: Sight(run_in(status)) for status in ("queued", "running", "succeeded", "failed", "cancelled")},
    "filtered variants": Sight(filtered("only=failed")),
    "no variants": Sight(filtered("id=nothing")),
    "wrong filter": Sight(filtered("region=a+b&cursor=x"), status=422),
    "region": Sight(lambda page, shown: page.goto("/find/?q=chr1:1-100")),
    "search without an answer": Sight(lambda page, shown: page.goto(f"/find/?q={LONG}"), status=404),
    "again": Sight(lambda page, shown: page.goto(f"/?again={shown.runs['succeeded']}")),
    "delete": Sight(lambda page, shown: page.goto(f"/jobs/{shown.runs['succeeded']}/delete/")),
    "allele": Sight(lambda page, shown: page.goto(f"/alleles/{shown.allele}/")),
    "unknown allele": Sight(lambda page, shown: page.goto(f"/alleles/{UNKNOWN}/"), status=404),
    "not found": Sight(lambda page, shown: page.goto("/jobs/nobody/"), status=404),
    "refused": Sight(refused, status=400),
    "API": Sight(documentation),
    "login": Sight(lambda page, shown: page.goto("/login/"), who="nobody"),
    "wrong password": Sight(wrong_password, who="nobody"),
    "login failed": Sight(lambda page, shown: page.goto("/login/provider/"), who="nobody", status=503),
    "no tokens": Sight(lambda page, shown: page.goto("/tokens/"), who="grace"),
    "new token": Sight(new_token, who="ada"),
    "empty list": Sight(lambda page, shown: page.goto("/"), who="grace"),
    "admin's list": Sight(lambda page, shown: page.goto("/"), who="ada"),
    **{
        f"admin's {name}": Sight(admin_page(address), "ada", except_for=DJANGOS)
        for name, address in {
            "index": "",
            "dashboard": "vcfjobs/run/dashboard/",
            "runs": "vcfjobs/run/",
            "alleles": "vcfjobs/allele/",
            "assemblies": "vcfjobs/assembly/",
            "workers": "vcfjobs/worker/",
        }.items()
    },
    "admin's run": Sight(
        lambda page, shown: page.goto(f"/admin/vcfjobs/run/{shown.waiting}/change/"),
        "ada",
        except_for=DJANGOS,
    ),
    "admin's question": Sight(asked_back, "ada", except_for=DJANGOS),
}


@pytest.fixture(scope="module", params=SIGHTS)
def sight(request: pytest.FixtureRequest) -> Sight:
    """Each of the pages."""
    return SIGHTS[request.param]


@pytest.fixture(scope="module")
def seen(browser: Browser, shown: Shown, sight: Sight) -> Iterator[Page]:
    """The page, opened once for whatever is asked of it."""
    made = shown.closed if sight.who else shown.open
    with watched(browser, made.url, storage_state=shown.sessions.get(sight.who)) as watch:
        if sight.status != 200:
            watch.expect(sight.status)
        page = watch.context.new_page()
        sight.go(page, shown)
        yield page


def test_axe_has_nothing_to_object_to_in_light_or_dark(seen: Page, sight: Sight) -> None:
    seen.set_viewport_size({"width": 1280, "height": 720})
    assert violations(seen, sight.except_for) == ""


def test_nothing_is_wider_than_the_narrowest_screen(seen: Page) -> None:
    seen.set_viewport_size({"width": 320, "height": 640})
    assert seen.evaluate("innerWidth") == 320
    assert seen.evaluate("document.scrollingElement.scrollWidth") <= 320
