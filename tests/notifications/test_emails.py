"""The owner of a run gets a text with its status and its page, at the address that the account has then."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core import mail
from pytest_django import Settings

from tests.factories import make_running
from vcfjobs.errors import NotDeliveredError, RunFailureError
from vcfjobs.models import Notification
from vcfjobs.notifications import emails

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(settings: Settings) -> User:
    """An account with an address, on a service that sends e-mail."""
    settings.EMAIL_ENABLED = True
    settings.ANYVAR_PUBLIC_URL = "https://vrs.example.org"
    settings.DEFAULT_FROM_EMAIL = "vrs@example.org"
    return User.objects.create_user("ada", "ada@example.org")


def test_the_message_says_how_the_run_ended_and_leads_to_its_page(ada: User) -> None:
    run = make_running(run_id="trio", file_name="trio.vcf", email_owner=True, owner=f"user:{ada.pk}")
    assert run.fail(RunFailureError("Line 7 has 3 columns."))
    told = Notification.objects.get()
    emails.send(emails.address_of(run.owner), str(told.pk), told.payload)
    (message,) = mail.outbox
    assert (message.subject, message.to) == ("Run trio: failed", ["ada@example.org"])
    assert message.from_email == "vrs@example.org"
    assert "File: trio.vcf\nError: Line 7 has 3 columns.\n" in message.body
    assert f"\nhttps://vrs.example.org/jobs/{run.pk}/\n" in message.body
    headers = message.message()
    assert headers["Message-ID"] == f"<{told.pk}@vrs.example.org>"
    assert headers["Auto-Submitted"] == "auto-generated"


def test_only_an_active_account_with_an_address_has_one(ada: User, settings: Settings) -> None:
    owner = f"user:{ada.pk}"
    assert emails.address_of(owner) == "ada@example.org"
    for other in ("", "token:alice", "oidc:0123", "user:999999"):
        assert emails.address_of(other) == ""
    User.objects.update(is_active=False)
    assert emails.address_of(owner) == ""
    User.objects.update(is_active=True)
    settings.EMAIL_ENABLED = False
    assert emails.address_of(owner) == ""


def test_without_an_address_nothing_is_sent(ada: User) -> None:
    with pytest.raises(NotDeliveredError, match="has no e-mail address"):
        emails.send("", "msg", {})
    assert mail.outbox == []
