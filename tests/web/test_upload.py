"""The upload form as its own script sends it, and how often it may be sent."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from tests.factories import VCF, make_run, store_input
from tests.web.page_text import words
from vcfjobs import storage
from vcfjobs.api.uploads import SpoolUploadHandler
from vcfjobs.models import Run, Status

pytestmark = [pytest.mark.django_db, pytest.mark.database, pytest.mark.usefixtures("broker", "tiny_assembly")]

Send = Callable[..., Any]
JSON = {"Accept": "application/json"}


@pytest.fixture
def send(client: Client) -> Send:
    """Send the form, as the page's script does or with `script=False` as the browser itself."""

    def call(content: bytes = VCF, *, script: bool = True, **fields: str) -> Any:
        form = {"vcf": SimpleUploadedFile("in.vcf", content), "assembly": "tiny", "whole": "1"} | fields
        return client.post("/", form, headers=JSON if script else {})

    return call


@pytest.fixture
def once_an_hour(settings: Settings, request: pytest.FixtureRequest) -> None:
    """One submit an hour, counted from here on."""
    settings.ANYVAR_SUBMIT_RATE = "1/hour"
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": request.node.nodeid,
        }
    }


@pytest.fixture
def closed(settings: Settings) -> None:
    """The service asks who is calling."""
    settings.ANYVAR_AUTH_TOKEN_LIST = ["secret"]


# --- as the page's script sends it -------------------------------------------------------------


def test_the_script_is_told_where_to_go(send: Send) -> None:
    response = send(run_id="mine")
    run = Run.objects.get()
    assert (response.status_code, response.json()) == (201, {"location": f"/jobs/{run.pk}/"})
    assert (run.run_id, run.status) == ("mine", Status.QUEUED)


@pytest.mark.parametrize(
    ("change", "status", "field", "sentence"),
    [
        ({"content": b"hello\n"}, 400, "vcf", "not VCF"),
        ({"content": b""}, 400, "vcf", "The file is empty."),
        ({"vcf": ""}, 400, "vcf", "Choose a VCF file."),
        ({"assembly": "GRCh99"}, 422, "assembly", "not a registered assembly"),
        ({"run_id": "a/b"}, 422, "run_id", "run_id must be"),
        ({"whole": ""}, 400, "__all__", "interrupted"),
    ],
)
def test_the_script_is_told_what_is_wrong_at_which_field(
    send: Send, change: dict[str, Any], status: int, field: str, sentence: str
) -> None:
    response = send(**change)
    assert response.status_code == status
    assert list(response.json()["errors"]) == [field]
    assert sentence in response.json()["errors"][field][0]
    assert list(storage.spool().iterdir()) == []


def test_a_script_whose_login_is_over_is_told_so(client: Client, closed: None) -> None:
    response = client.post("/", {"vcf": SimpleUploadedFile("in.vcf", VCF)}, headers=JSON)
    assert response.status_code == 401
    assert "no longer logged in" in response.json()["errors"]["__all__"][0]


def test_the_script_does_not_get_round_the_check_of_the_form() -> None:
    browser = Client(enforce_csrf_checks=True)
    form = {"vcf": SimpleUploadedFile("in.vcf", VCF), "assembly": "tiny", "whole": "1"}
    assert browser.post("/", form, headers=JSON).status_code == 403
    assert not Run.objects.exists()


def test_the_form_names_the_limit_for_the_script(client: Client, settings: Settings) -> None:
    settings.ANYVAR_MAX_UPLOAD_BYTES = 12_345_678
    page = words(client.get("/"))
    assert 'data-max-bytes="12345678"' in page
    assert re.search(r'<script src="/static/vcfjobs/upload\.js" defer>', page)


def test_every_element_that_the_script_looks_for_is_on_the_page(client: Client) -> None:
    page = words(client.get("/"))
    script = Path(str(finders.find("vcfjobs/upload.js"))).read_text()
    names = set(re.findall(r'part\("([\w-]+)"\)', script))
    assert len(names) >= 5
    for name in names | {"upload-errors", "id_vcf_error", "id_assembly_error", "id_run_id_error"}:
        assert f'id="{name}"' in page


@pytest.mark.parametrize("name", ["upload.js", "poll.js", "page.js"])
def test_scripts_need_nothing_that_the_policy_forbids(name: str) -> None:
    script = Path(str(finders.find(f"vcfjobs/{name}"))).read_text()
    assert not re.search(
        r"\beval\(|new Function|innerHTML|insertAdjacentHTML|document\.write|https?://", script
    )
    assert not re.search(r"\.style\b|setAttribute\(\"(?:style|on)", script)


# --- what is refused before it is read ---------------------------------------------------------


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every file whose bytes the service begins to read."""
    started: list[object] = []
    new_file = SpoolUploadHandler.new_file

    def noted(self: SpoolUploadHandler, *args: Any, **options: Any) -> None:
        started.append(args)
        new_file(self, *args, **options)

    monkeypatch.setattr(SpoolUploadHandler, "new_file", noted)
    return started


def test_a_user_who_submits_too_often_is_told_when_to_come_again(
    send: Send, once_an_hour: None, unread: list[object]
) -> None:
    assert send(script=False).status_code == 302
    response = send(script=False)
    assert response.status_code == 429
    assert 3500 < int(response["Retry-After"]) <= 3600
    assert "Submission rate limit reached. Try again in 60 minutes." in words(response)
    assert len(unread) == 1
    assert Run.objects.count() == 1


def test_the_script_is_told_the_same(send: Send, once_an_hour: None) -> None:
    send()
    response = send()
    assert (response.status_code, list(response.json()["errors"])) == (429, ["__all__"])
    assert int(response["Retry-After"]) > 0


@pytest.mark.parametrize("first", ["page", "api"])
def test_the_page_and_the_api_count_together(
    send: Send, client: Client, once_an_hour: None, first: str
) -> None:
    def put() -> int:
        path = "/vcf?run_async=true&assembly=tiny"
        return client.put(path, VCF, content_type="application/octet-stream").status_code

    statuses = (send().status_code, put()) if first == "page" else (put(), send().status_code)
    assert statuses == ((201, 429) if first == "page" else (202, 429))


def test_another_user_is_not_held_up(client: Client, send: Send, closed: None, once_an_hour: None) -> None:
    client.force_login(User.objects.create_user("ada"))
    assert [send().status_code, send().status_code] == [201, 429]
    client.force_login(User.objects.create_user("bob"))
    assert send().status_code == 201


def test_looking_at_the_page_counts_for_nothing(client: Client, send: Send, once_an_hour: None) -> None:
    for _ in range(3):
        client.get("/")
    assert send().status_code == 201


def test_a_body_far_above_the_limit_is_not_read(
    send: Send, settings: Settings, monkeypatch: pytest.MonkeyPatch, unread: list[object]
) -> None:
    monkeypatch.setattr("vcfjobs.web.upload.FORM_BYTES", 0)
    settings.ANYVAR_MAX_UPLOAD_BYTES = 10
    response = send()
    assert response.status_code == 413
    assert "larger than the limit of 10 bytes" in response.json()["errors"]["__all__"][0]
    assert unread == []


@pytest.mark.parametrize(
    ("limit", "status"), [("ANYVAR_MAX_QUEUED_RUNS", 503), ("ANYVAR_OWNER_MAX_RUNS", 429)]
)
def test_where_there_is_no_room_the_page_says_when_to_come_again(
    send: Send, settings: Settings, limit: str, status: int
) -> None:
    setattr(settings, limit, 1)
    make_run()
    response = send(script=False)
    assert response.status_code == status
    assert int(response["Retry-After"]) > 0
    assert re.search(r'role="alert"[^>]*>(Too many runs|You have 1 runs)', words(response))


def test_a_retry_without_room_is_said_and_not_fallen_over(client: Client, settings: Settings) -> None:
    settings.ANYVAR_OWNER_MAX_RUNS = 1
    make_run()
    run = make_run(status=Status.FAILED)
    store_input(run)
    response = client.post(f"/jobs/{run.pk}/retry/")
    assert response.status_code == 429
    assert int(response["Retry-After"]) > 0
    assert "limit of" in words(response)
    run.refresh_from_db()
    assert run.status == Status.FAILED


def test_a_form_with_far_too_many_fields_leaves_nothing_behind(client: Client) -> None:
    form = {"vcf": SimpleUploadedFile("in.vcf", VCF)} | {f"x{number}": "1" for number in range(2000)}
    assert client.post("/", form).status_code == 400
    assert list(storage.spool().iterdir()) == []
