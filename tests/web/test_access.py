"""Who sees which runs, and who must log in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from tests.factories import VCF, make_run
from tests.web.page_text import markup
from vcfjobs.models import Run, Status

pytestmark = [pytest.mark.django_db, pytest.mark.database]


Post = Callable[..., Any]


@pytest.mark.parametrize("address", ["/", "/jobs/x/", "/jobs/x/status/", "/jobs/x/delete/"])
def test_a_service_with_tokens_asks_for_a_login(client: Client, closed: None, address: str) -> None:
    response = client.get(address)
    assert (response.status_code, response["Location"]) == (302, f"/login/?next={address}")


def test_an_upload_without_a_login_is_not_even_read(closed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from vcfjobs.api.uploads import SpoolUploadHandler

    started: list[object] = []
    monkeypatch.setattr(SpoolUploadHandler, "new_file", lambda *args, **kwargs: started.append(args))
    browser = Client(enforce_csrf_checks=True)  # the check reads the form
    response = browser.post("/", {"vcf": SimpleUploadedFile("a.vcf", VCF)})
    assert response["Location"] == "/login/?next=/"
    assert started == []


def test_a_page_whose_login_is_over_is_sent_to_the_login_as_a_whole(client: Client, closed: None) -> None:
    response = client.get("/jobs/x/status/", headers={"HX-Request": "true"})
    assert response["HX-Redirect"] == "/login/"


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("get", "/jobs/{}/"),
        ("get", "/jobs/{}/status/"),
        ("get", "/jobs/{}/delete/"),
        ("post", "/jobs/{}/delete/"),
        ("post", "/jobs/{}/cancel/"),
        ("post", "/jobs/{}/retry/"),
    ],
)
def test_anothers_run_is_not_found_by_any_verb(
    client: Client, closed: None, method: str, address: str
) -> None:
    run = make_run(owner="user:999999")
    client.force_login(User.objects.create_user("ada"))
    assert getattr(client, method)(address.format(run.pk)).status_code == 404
    assert Run.objects.get().status == Status.QUEUED


def test_a_user_lists_own_runs_and_staff_everybodys(client: Client, closed: None) -> None:
    ada = User.objects.create_user("ada")
    make_run(owner=f"user:{ada.pk}", file_name="hers.vcf")
    make_run(owner="token:0123456789abcdef", file_name="other.vcf")
    client.force_login(ada)
    page = markup(client.get("/"))
    assert "hers.vcf" in page
    assert "other.vcf" not in page
    client.force_login(User.objects.create_user("eve", is_staff=True))
    page = markup(client.get("/"))
    assert "hers.vcf" in page
    assert "other.vcf" in page


def test_a_submit_belongs_to_who_is_signed_in(post: Post, client: Client, closed: None) -> None:
    ada = User.objects.create_user("ada")
    client.force_login(ada)
    post()
    assert Run.objects.get().owner == f"user:{ada.pk}"


def test_a_token_is_named_in_a_command_and_never_written(client: Client, closed: None) -> None:
    client.force_login(User.objects.create_user("eve", is_staff=True))
    page = markup(client.get(f"/jobs/{make_run().pk}/"))
    assert "Authorization: Bearer $VRS_TOKEN" in page
    assert "secret" not in page


@pytest.mark.django_db
def test_a_user_who_is_no_staff_can_log_in_and_out(client: Client, settings: Settings) -> None:
    settings.ANYVAR_AUTH_TOKEN_LIST = ["secret"]
    User.objects.create_user("reader", password="words-and-words")
    page = client.get("/login/?next=/")
    assert b"Log in" in page.content
    answer = client.post("/login/", {"username": "reader", "password": "words-and-words", "next": "/"})
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert client.get("/").status_code == 200
    client.post("/logout/")
    assert client.get("/").status_code == 302
