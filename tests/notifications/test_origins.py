"""A callback_url is allowed only where scheme, host and port are listed."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from vcfjobs.notifications.origins import Origin, allowed_origin, listed_origin


@pytest.mark.parametrize(
    ("entry", "origin"),
    [
        ("Hooks.example.org", Origin("https", "hooks.example.org", 443)),
        ("hooks.example.org:8443", Origin("https", "hooks.example.org", 8443)),
        ("https://hooks.example.org/", Origin("https", "hooks.example.org", 443)),
        ("http://10.0.0.5:8080", Origin("http", "10.0.0.5", 8080)),
        ("http://[::1]", Origin("http", "::1", 80)),
    ],
)
def test_an_entry_is_a_host_which_is_https_unless_it_says_otherwise(entry: str, origin: Origin) -> None:
    assert listed_origin(entry) == origin


@pytest.mark.parametrize(
    "entry",
    ["", "https://a.org/path", "a.org?x", "a.org#x", "ftp://a.org", "u@a.org", "a b", "a.org:x", "bücher.de"],
    ids=lambda entry: ascii(entry)[1:-1].replace("\\", "|"),
)
def test_an_entry_that_is_no_host_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="Must"):
        listed_origin(entry)


@pytest.fixture
def listed(settings: Settings) -> None:
    settings.ANYVAR_CALLBACK_HOSTS = [listed_origin("hooks.example.org")]
    settings.ANYVAR_CALLBACK_PRIVATE_HOSTS = [listed_origin("http://lims:8080")]


@pytest.mark.usefixtures("listed")
@pytest.mark.parametrize(
    "address",
    [
        "https://hooks.example.org/run?id=1",
        "HTTPS://HOOKS.EXAMPLE.ORG:443",
        "http://lims:8080/",
        "https://hooks.example.org/\\@evil.org",
    ],
    ids=["https", "in capitals", "http", "with a backslash"],
)
def test_an_address_at_a_listed_origin_is_allowed(address: str) -> None:
    assert allowed_origin(address).host in ("hooks.example.org", "lims")


@pytest.mark.usefixtures("listed")
@pytest.mark.parametrize(
    "address",
    [
        "http://hooks.example.org/",
        "https://hooks.example.org:8443/",
        "https://evil.hooks.example.org/",
        "https://hooks.example.org.evil.org/",
        "https://hooks.example.org./",
        "https://hooks.example.org@evil.org/",
        "https://user:word@hooks.example.org/",
        "https://evil.org\\@hooks.example.org/",
        "https://evil.org#@hooks.example.org/",
        "https://lims:8080/",
        "https://hooks.example.org/\r\nX: y",
        "https://hooks.example.org/a b",
        "https://hooks.example.org/ü",
        "https://hooks.example.org:99999/",
        "https:///path",
        "https://[::1",
        "//hooks.example.org/",
        "file:///etc/passwd",
        "https://hooks.example.org/" + "a" * 2000,
    ],
    ids=lambda address: ascii(address)[1:60].replace("\\", "|"),
)
def test_any_other_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=r"^(Must|Callbacks to this)"):
        allowed_origin(address)


def test_without_a_list_no_address_is_allowed() -> None:
    with pytest.raises(ValueError, match="Callbacks are not enabled on this service"):
        allowed_origin("https://hooks.example.org/")
