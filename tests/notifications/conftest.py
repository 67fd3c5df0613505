"""Receivers that the service may send to."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.notifications.receiver import SECRET, Receiver, receiving
from vcfjobs.notifications.origins import listed_origin


@pytest.fixture
def secret(settings: Settings) -> None:
    """Webhooks are signed by the key of SECRET, and may go nowhere yet."""
    settings.ANYVAR_CALLBACK_SECRET = [b64decode(SECRET.removeprefix("whsec_"))]
    settings.ANYVAR_CALLBACK_HOSTS = []
    settings.ANYVAR_CALLBACK_PRIVATE_HOSTS = []


@pytest.fixture
def receiver(secret: None, settings: Settings) -> Iterator[Receiver]:
    """A receiver in the private network that the operator has listed as such."""
    with receiving() as made:
        settings.ANYVAR_CALLBACK_PRIVATE_HOSTS = [listed_origin(made.origin)]
        yield made
