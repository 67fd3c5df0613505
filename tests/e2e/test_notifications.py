"""Real processes tell a receiver and the owner that a run has ended."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from tests.e2e.processes import service
from tests.factories import VCF
from tests.notifications.receiver import SECRET, receiving
from tests.servers import wait_until

MAKE_TOKEN = """
from django.contrib.auth.models import User
from vcfjobs.accounts import api_tokens
ada = User.objects.create_user("ada", "ada@example.org")
print(api_tokens.issue(user=ada, name="test", expires=None)[1])
"""


@pytest.mark.smoke
def test_a_receiver_and_the_owner_are_told(tmp_path: Path) -> None:
    mails = tmp_path / "mails"
    with (
        receiving() as receiver,
        service(
            tmp_path,
            ANYVAR_CALLBACK_PRIVATE_HOSTS=receiver.origin,
            ANYVAR_CALLBACK_SECRET=SECRET,
            EMAIL_URL=f"file:///{mails}",
            DEFAULT_FROM_EMAIL="vrs@example.org",
            ANYVAR_PUBLIC_URL="https://vrs.example.org",
            ANYVAR_AUTH_REQUIRED="true",
        ) as made,
    ):
        token = made.manage("shell", "-c", MAKE_TOKEN).split()[-1]
        made.start_web()
        made.start_worker()
        query = {"run_async": "true", "run_id": "trio", "callback_url": receiver.url, "email_owner": "true"}
        headers = {"Authorization": f"Bearer {token}"}
        address = f"{made.url}/vcf"
        answer = requests.put(address, params=query, headers=headers, data=VCF, timeout=60)
        assert answer.status_code == 202, answer.text

        def states() -> list[str]:
            run = requests.get(f"{made.url}/runs/trio/", headers=headers, timeout=30).json()
            return [told["state"] for told in run["notifications"]]

        # Only then the mail is written whole.
        wait_until(lambda: states() == ["delivered"] * 2, "both are told, and the run says so")
        (message,) = receiver.messages
        assert message.is_signed_by()
        assert message.payload["type"] == "run.succeeded"
        (mail,) = mails.iterdir()
        text = mail.read_text()
        assert "To: ada@example.org" in text
        assert f"https://vrs.example.org/jobs/{message.payload['data']['id']}/" in text
