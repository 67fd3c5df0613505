"""E-mail to the owners of runs, where the operator has configured a mail server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage

from vcfjobs.errors import NotDeliveredError

WORDS = """\
The run {run_id} has ended: {status}.

{details}{page}

This is an automatic message of the VCF annotation service. You get it because you asked for it when you \
submitted the file.
"""


def address_of(owner: str) -> str:
    """The e-mail address of a run's owner; empty if it has none, or if no mail server is configured."""
    kind, _, key = owner.partition(":")
    if not settings.EMAIL_ENABLED or kind != "user":
        return ""
    return User.objects.filter(pk=key, is_active=True).values_list("email", flat=True).first() or ""


def send(address: str, message_id: str, payload: Mapping[str, Any]) -> None:
    """Send a text with status and page of the run that the payload describes to the address of its owner.

    Raises NotDeliveredError if the address is empty, OSError if the mail server does not accept the message.
    """
    if not address:
        raise NotDeliveredError("The owner of the run has no e-mail address, or e-mail is switched off.")
    run = payload["data"]
    domain = urlsplit(settings.ANYVAR_PUBLIC_URL).hostname
    details = {"File": run["file_name"], "Error": run["error"]}
    EmailMessage(
        subject=f"Run {run['run_id']}: {run['status']}",
        body=WORDS.format(
            run_id=run["run_id"],
            status=run["status"],
            details="".join(f"{name}: {text}\n" for name, text in details.items() if text),
            page=run["links"]["page"],
        ),
        to=[address],
        # The same at each attempt, so that a mailbox can tell a repeated message.
        headers={"Message-ID": f"<{message_id}@{domain}>", "Auto-Submitted": "auto-generated"},
    ).send()
