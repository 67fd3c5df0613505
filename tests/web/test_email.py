"""The form offers an e-mail at the end of the run where one can be sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from tests.web.page_text import markup
from vcfjobs.models import Run

pytestmark = pytest.mark.django_db

Post = Callable[..., Any]


@pytest.fixture
def ada(client: Client, settings: Settings) -> User:
    """An account with an address, signed in to a service that sends e-mail."""
    settings.ANYVAR_AUTH_REQUIRED = settings.EMAIL_ENABLED = True
    ada = User.objects.create_user("ada", "ada@example.org")
    client.force_login(ada)
    return ada


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize("ticked", ["on", ""])
def test_who_ticks_the_box_is_told(post: Post, client: Client, ticked: str) -> None:
    assert "E-mail me when it ends" in markup(client.get("/"))
    assert post(email_owner=ticked).status_code == 302
    run = Run.objects.get()
    assert run.email_owner is bool(ticked)
    again = markup(client.get(f"/?again={run.pk}"))
    assert ('id="id_email_owner" checked' in again) is bool(ticked)


@pytest.mark.parametrize("lacking", ["mail server", "address", "account"])
def test_the_box_is_not_there_where_no_message_can_be_sent(
    post: Post, client: Client, ada: User, settings: Settings, lacking: str
) -> None:
    if lacking == "mail server":
        settings.EMAIL_ENABLED = False
    elif lacking == "address":
        User.objects.update(email="")
    else:
        settings.ANYVAR_AUTH_REQUIRED = False
    assert "E-mail me" not in markup(client.get("/"))
    assert post(email_owner="on").status_code == 302
    assert not Run.objects.get().email_owner
