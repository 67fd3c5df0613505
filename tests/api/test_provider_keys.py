"""The keys of an OpenID Connect provider: when they are fetched, and what happens while it is away."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from tests.api.issuer import Issuer, serving_issuer
from tests.servers import wait_until
from vcfjobs.accounts import provider_keys, provider_tokens
from vcfjobs.accounts.provider_keys import ProviderKeys, UnknownKeyError
from vcfjobs.errors import IdentityProviderUnavailableError

AWAY = "IDENTITY_PROVIDER_UNAVAILABLE"


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serving_issuer() as served:
        yield served


@pytest.fixture
def keys(issuer: Issuer, clock: Clock) -> ProviderKeys:
    return ProviderKeys(issuer.url, f"{issuer.url}/keys", clock=clock)


@pytest.fixture
def call(
    issuer: Issuer, keys: ProviderKeys, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Any]:
    """A call of the service with a bearer token."""
    settings.ANYVAR_AUTH_ISSUER_URL = issuer.url
    monkeypatch.setattr(provider_tokens, "keys_of", lambda *_: keys)
    return lambda token: Client().get("/runs/", headers={"Authorization": f"Bearer {token}"})


def test_keys_are_fetched_once(issuer: Issuer, keys: ProviderKeys) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(keys.find, ["first"] * 32))
    assert {key.key_id for key in found} == {"first"}
    assert issuer.fetches == ["/keys"]


def test_without_an_address_of_the_keys_the_issuers_document_names_it(issuer: Issuer) -> None:
    assert ProviderKeys(issuer.url).find("first").key_id == "first"
    assert issuer.fetches == ["/.well-known/openid-configuration", "/keys"]


def test_the_document_of_another_issuer_is_not_believed(issuer: Issuer) -> None:
    with pytest.raises(IdentityProviderUnavailableError):
        ProviderKeys(issuer.url + "/").find("first")
    assert "/keys" not in issuer.fetches


@pytest.mark.django_db
def test_a_rotated_key_is_found_and_the_old_one_ends(issuer: Issuer, call: Callable[[str], Any]) -> None:
    old = issuer.token()
    assert call(old).status_code == 200
    issuer.add_key("second")
    issuer.withdraw("first")
    assert call(issuer.token("second")).status_code == 200
    assert call(old).status_code == 401
    assert len(issuer.fetches) == 2


def test_an_unknown_key_is_looked_for_at_most_once_a_minute(
    issuer: Issuer, keys: ProviderKeys, clock: Clock
) -> None:
    keys.find("first")
    for number in range(20):
        with pytest.raises(UnknownKeyError):
            keys.find(f"unknown-{number}")
    assert len(issuer.fetches) == 2
    clock.now += 59
    with pytest.raises(UnknownKeyError):
        keys.find("unknown")
    assert len(issuer.fetches) == 2
    issuer.add_key("late")
    clock.now += 2
    assert keys.find("late").key_id == "late"
    assert len(issuer.fetches) == 3


@pytest.mark.django_db
def test_a_provider_that_is_away_is_503_for_new_keys_and_nothing_else(
    issuer: Issuer, keys: ProviderKeys, clock: Clock, call: Callable[[str], Any]
) -> None:
    assert call(issuer.token()).status_code == 200
    issuer.status = 500
    issuer.add_key("second")
    refused = call(issuer.token("second"))
    assert (refused.status_code, refused.json()["error_code"]) == (503, AWAY)
    assert 0 < int(refused["Retry-After"]) <= 60
    assert call(issuer.token()).status_code == 200
    assert call(issuer.token("second")).status_code == 503
    assert len(issuer.fetches) == 2
    clock.now += 100_000  # the known keys are old, and stay
    assert call(issuer.token()).status_code == 200
    wait_until(lambda: len(issuer.fetches) == 3, "the old keys are fetched again")
    issuer.status = 200
    assert call(issuer.token("second")).status_code == 200


@pytest.mark.django_db
def test_a_provider_that_was_never_there_is_503_and_comes_back(
    issuer: Issuer, clock: Clock, call: Callable[[str], Any]
) -> None:
    issuer.status = 503
    assert call(issuer.token()).status_code == 503
    assert call(issuer.token(iss="https://elsewhere.example.org")).status_code == 401
    issuer.status = 200
    clock.now += 61
    assert call(issuer.token()).status_code == 200


@pytest.mark.parametrize(
    "answer",
    [b"<html>", b"[]", b'{"keys": []}', b'{"keys": 7}', b"\xff", b" " * (provider_keys.MOST_BYTES + 2)],
    ids=["a page", "a list", "no keys", "a number", "not text", "too long"],
)
def test_an_answer_without_keys_is_as_good_as_none(issuer: Issuer, keys: ProviderKeys, answer: bytes) -> None:
    keys.find("first")
    issuer.answer = answer
    with pytest.raises(IdentityProviderUnavailableError):
        keys.find("second")
    assert keys.find("first").key_id == "first"


def test_a_redirect_is_not_followed(issuer: Issuer, keys: ProviderKeys) -> None:
    issuer.status = 302
    with pytest.raises(IdentityProviderUnavailableError):
        keys.find("first")


def test_a_slow_provider_is_given_up_after_the_timeout(
    issuer: Issuer, keys: ProviderKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert provider_keys.TIMEOUT_SECONDS == 5
    monkeypatch.setattr(provider_keys, "TIMEOUT_SECONDS", 0.5)
    issuer.answers.clear()
    with pytest.raises(IdentityProviderUnavailableError):
        keys.find("first")
    issuer.answers.set()


def test_known_keys_do_not_wait_for_a_slow_provider(issuer: Issuer, keys: ProviderKeys, clock: Clock) -> None:
    keys.find("first")
    issuer.answers.clear()

    def search() -> None:
        with pytest.raises(UnknownKeyError):
            keys.find("unknown")

    searching = threading.Thread(target=search)
    searching.start()
    wait_until(lambda: len(issuer.fetches) == 2, "the unknown key is looked for")
    clock.now += 100_000
    assert keys.find("first").key_id == "first"
    assert searching.is_alive()
    issuer.answers.set()
    searching.join()


def test_old_keys_are_fetched_again_behind_the_caller(
    issuer: Issuer, keys: ProviderKeys, clock: Clock
) -> None:
    keys.find("first")
    issuer.withdraw("first")
    issuer.add_key("second")
    clock.now += provider_keys.LIFESPAN_SECONDS
    assert keys.find("first").key_id == "first"  # the last time
    wait_until(lambda: "first" not in keys._keys, "the old keys are replaced")
    with pytest.raises(UnknownKeyError):
        keys.find("first")


def test_keys_are_read_from_nowhere_but_the_web() -> None:
    with pytest.raises(IdentityProviderUnavailableError):
        ProviderKeys("https://id.example.org", "file:///etc/passwd").find("first")
