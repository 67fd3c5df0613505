"""The access log: one JSON line per call, and nothing secret in it."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.test import Client
from pytest_django import Settings

from tests.anyvar_site.test_settings import load
from tests.api.conftest import Submit, body, leave
from tests.api.conftest import submit as submit
from tests.api.conftest import succeeded as succeeded
from tests.conftest import PROJECT
from tests.factories import VCF, make_run
from vcfjobs.accounts import api_tokens
from vcfjobs.models import Run

pytestmark = [pytest.mark.django_db, pytest.mark.database]

MIDDLEWARE = "anyvar_site.access_log.AccessLogMiddleware"


class Lines(logging.Handler):
    """What was logged, read as JSON."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())

    @property
    def only(self) -> dict[str, Any]:
        (text,) = self.texts
        assert "\n" not in text
        self.texts.clear()
        found: dict[str, Any] = json.loads(text)
        return found


@pytest.fixture
def lines(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Lines:
    """The access log of a service that keeps one."""
    cache.clear()
    settings.MIDDLEWARE = [MIDDLEWARE, *settings.MIDDLEWARE]
    handler = Lines()
    logger = logging.getLogger("anyvar_site.access")
    monkeypatch.setattr(logger, "handlers", [handler])
    monkeypatch.setattr(logger, "level", logging.INFO)
    logger.manager._clear_cache()  # type: ignore[attr-defined]  # who is enabled is remembered
    return handler


def test_a_call_is_one_line(client: Client, lines: Lines) -> None:
    run = make_run(owner="", run_id="named")
    answer = client.get("/runs/named/?secret=1", headers={"Authorization": "Bearer abc"})
    line = lines.only
    assert line.pop("ms") > 0
    assert line.pop("time").endswith("Z")
    assert line == {
        "owner": "",
        "method": "GET",
        "path": "/runs/named/",
        "status": 200,
        "bytes": len(answer.content),
        "run": str(run.pk),
    }


def test_no_token_query_or_cookie_is_logged(client: Client, lines: Lines, settings: Settings) -> None:
    settings.ANYVAR_AUTH_TOKEN_LIST = ["alice:listed-secret"]
    ada = User.objects.create_user("ada")
    _, text = api_tokens.issue(user=ada, name="a", expires=None)
    owners = []
    for token in ("listed-secret", text, "wrong-secret"):
        client.get(f"/runs/?page_size=7&token={token}", headers={"Authorization": f"Bearer {token}"})
        assert token not in lines.texts[0]
        assert "page_size" not in lines.texts[0]
        owners.append(lines.only["owner"])
    assert owners == ["token:alice", f"user:{ada.pk}", None]
    client.force_login(ada)
    client.get("/")
    assert client.cookies["sessionid"].value not in lines.texts[0]
    assert lines.only["owner"] == f"user:{ada.pk}"


def test_a_stranger_is_null_and_a_page_that_nobody_has_is_logged(
    client: Client, lines: Lines, settings: Settings
) -> None:
    settings.ANYVAR_AUTH_REQUIRED = True
    assert client.get("/no/such/page").status_code == 404
    line = lines.only
    assert (line["owner"], line["status"], line["run"]) == (None, 404, None)


def test_a_submit_names_the_new_run(lines: Lines, submit: Submit) -> None:
    submit(run_async="true")
    assert lines.only["run"] == str(Run.objects.get().pk)
    leave(submit())
    assert lines.only["run"] == str(Run.objects.latest("created").pk)


def test_a_call_about_anothers_run_names_none(client: Client, lines: Lines, settings: Settings) -> None:
    settings.ANYVAR_AUTH_TOKEN_LIST = ["secret"]
    run = make_run(owner="token:other")
    client.get(f"/runs/{run.pk}/", headers={"Authorization": "Bearer secret"})
    assert lines.only["run"] is None


def test_a_streamed_result_is_logged_at_its_end_with_its_bytes(
    client: Client, lines: Lines, succeeded: Run
) -> None:
    answer = client.get(f"/runs/{succeeded.pk}/result.vcf")
    assert not lines.texts
    content = body(answer)
    line = lines.only
    assert (line["bytes"], line["run"]) == (len(content), str(succeeded.pk))
    assert line["bytes"] > len(VCF)


def test_a_download_that_its_client_leaves_is_logged_with_what_was_sent(
    client: Client, lines: Lines, succeeded: Run
) -> None:
    leave(client.get(f"/runs/{succeeded.pk}/result.vcf"))
    assert lines.only["bytes"] == 0


def test_control_characters_start_no_line_of_their_own(client: Client, lines: Lines) -> None:
    client.get("/runs/a%0A%7B%1B/")
    assert "\x1b" not in lines.texts[0]
    assert lines.only["path"] == "/runs/a\n{\x1b/"


def test_a_database_that_does_not_answer_hides_no_call(
    client: Client, lines: Lines, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError
    from django.db.backends.utils import CursorWrapper

    settings.ANYVAR_AUTH_REQUIRED = True
    client.force_login(User.objects.create_user("ada"))

    def gone(*_: Any, **__: Any) -> None:
        raise OperationalError

    with monkeypatch.context() as patched:
        patched.setattr(CursorWrapper, "execute", gone)
        assert client.get("/runs/").status_code == 503
    assert connection.is_usable()
    line = lines.only
    assert (line["owner"], line["status"]) == (None, 503)


def test_it_is_off_unless_it_is_asked_for() -> None:
    assert MIDDLEWARE not in load()["MIDDLEWARE"]
    assert load(ANYVAR_ACCESS_LOG="true")["MIDDLEWARE"][0] == MIDDLEWARE


@pytest.mark.parametrize("kind", ["text", "json"])
def test_the_lines_are_on_standard_output_as_they_are(kind: str) -> None:
    program = (
        "import django, logging; django.setup();"
        "logging.getLogger('anyvar_site.access').info('{}'); logging.getLogger('x').error('other')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=PROJECT,
        env=os.environ
        | {"ANYVAR_ACCESS_LOG": "true", "LOG_FORMAT": kind, "DJANGO_SETTINGS_MODULE": "anyvar_site.settings"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "{}\n"
    assert "other" in done.stderr
