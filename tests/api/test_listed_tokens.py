"""Tokens of ANYVAR_AUTH_TOKEN_LIST, with and without names."""

from __future__ import annotations

from hashlib import sha256

import pytest
from django.test import Client
from pytest_django import Settings

from tests.factories import make_run
from vcfjobs.accounts.listed_tokens import owner_of


@pytest.mark.parametrize(
    ("text", "owner"),
    [
        ("plain", f"token:{sha256(b'plain').hexdigest()[:16]}"),
        ("secret", "token:alice"),
        ("alice:secret", "token:alice"),  # one token before entries had names
        ("newer", "token:alice"),
        ("a:b:c", "token:lab-7.x"),
        ("://c", f"token:{sha256(b'://c').hexdigest()[:16]}"),
        ("alice", None),
        ("alice:", None),
        ("b:c", None),
        ("", None),
    ],
)
def test_the_name_of_an_entry_is_its_owner(text: str, owner: str | None) -> None:
    entries = ["plain", "alice:secret", "alice:newer", "lab-7.x:a:b:c", "://c"]
    assert owner_of(text, entries) == owner


def test_a_name_is_short_enough_for_the_column_of_owners() -> None:
    assert owner_of("t", [f"{'n' * 64}:t"]) == f"token:{'n' * 64}"
    assert owner_of("t", [f"{'n' * 65}:t"]) is None


@pytest.mark.django_db
def test_two_tokens_of_a_name_see_the_same_runs(client: Client, settings: Settings) -> None:
    settings.ANYVAR_AUTH_TOKEN_LIST = ["alice:old-secret", "alice:new-secret", "bob:other"]
    make_run(owner="token:alice")
    for token, runs in (("old-secret", 1), ("new-secret", 1), ("other", 0)):
        found = client.get("/runs/", headers={"Authorization": f"Bearer {token}"}).json()
        assert len(found["results"]) == runs
