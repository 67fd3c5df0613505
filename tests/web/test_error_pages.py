"""What a browser is shown when a request cannot be answered."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import InterfaceError, InternalError, OperationalError
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.web.page_text import words
from vcfjobs.web import runs_page

pytestmark = pytest.mark.django_db


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> Client:
    """A browser for which the list of runs fails."""

    def broken(*args: Any, **options: Any) -> None:
        raise error

    monkeypatch.setattr(runs_page, "page", broken)
    return Client(raise_request_exception=False)


@pytest.mark.parametrize(
    "error", [OperationalError("at 10.0.0.1"), InterfaceError("at 10.0.0.1"), InternalError("at 10.0.0.1")]
)
def test_a_database_that_does_not_answer_is_503_with_retry_after(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    response = failing(monkeypatch, error).get("/")
    assert response.status_code == 503
    assert int(response["Retry-After"]) > 0
    assert "The database does not answer." in words(response)
    assert "10.0.0.1" not in words(response)


def test_what_nobody_foresaw_is_500_without_details(monkeypatch: pytest.MonkeyPatch) -> None:
    response = failing(monkeypatch, ZeroDivisionError("/secret/path")).get("/")
    assert response.status_code == 500
    assert "The server failed unexpectedly" in words(response)
    assert "secret" not in words(response)


@pytest.mark.parametrize("error", [OperationalError(), ZeroDivisionError()])
def test_the_page_of_an_error_asks_the_database_for_nothing(
    monkeypatch: pytest.MonkeyPatch, error: Exception, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    browser = failing(monkeypatch, error)
    browser.cookies["sessionid"] = "x" * 32
    with django_assert_num_queries(2):  # the session and the assemblies, before it fails
        browser.get("/")


@pytest.mark.parametrize(
    ("address", "host", "status", "title"),
    [
        ("/nothing", "testserver", 404, "Not found"),
        ("/", "evil.example", 400, "Bad request"),
    ],
)
def test_an_error_has_a_page_that_leads_back(
    client: Client, address: str, host: str, status: int, title: str
) -> None:
    response = client.get(address, headers={"Host": host})
    assert response.status_code == status
    assert f"<h1>{title}</h1>" in words(response)
    assert '<a href="/">Back to the runs</a>' in words(response)
    assert "default-src 'self'" in response["Content-Security-Policy"]


def test_a_form_that_cannot_be_checked_has_a_page_that_says_what_to_do() -> None:
    response = Client(enforce_csrf_checks=True).post("/login/")
    assert response.status_code == 403
    assert "Reload its page and send it again." in words(response)


def test_the_browser_is_told_its_zone_in_every_time(client: Client) -> None:
    from tests.factories import make_run

    page = words(client.get(f"/jobs/{make_run().pk}/"))
    times = re.findall(r"<time ([^>]*)>([^<]*)</time>", page)
    assert times
    for attributes, text in times:
        assert re.search(r'datetime="[^"]+\+00:00"', attributes)
        assert text.endswith("UTC")
