"""What callbacks and e-mail need is set, or the process does not start."""

from __future__ import annotations

from base64 import b64encode

import pytest
from django.core.exceptions import ImproperlyConfigured
from environs import EnvValidationError

from tests.anyvar_site.test_settings import load
from tests.notifications.receiver import SECRET
from vcfjobs.notifications.origins import Origin

HOSTS = {"ANYVAR_CALLBACK_HOSTS": "hooks.example.org"}
MAIL = {
    "EMAIL_URL": "submission://ada:p%40ss@mail.example.org",
    "DEFAULT_FROM_EMAIL": "vrs@example.org",
    "ANYVAR_PUBLIC_URL": "https://vrs.example.org/",
}


def refusal(**variables: str) -> str:
    """The sentence with which a process refuses to start."""
    with pytest.raises((ImproperlyConfigured, EnvValidationError)) as refused:
        load(**variables)
    return str(refused.value)


def test_by_default_nobody_is_told() -> None:
    done = load()
    assert done["ANYVAR_CALLBACK_HOSTS"] == done["ANYVAR_CALLBACK_PRIVATE_HOSTS"] == []
    assert done["EMAIL_ENABLED"] is False


def test_hosts_and_keys_are_read() -> None:
    other = "whsec_" + b64encode(bytes(24)).decode()
    done = load(
        ANYVAR_CALLBACK_HOSTS="hooks.example.org, a.org:8443",
        ANYVAR_CALLBACK_PRIVATE_HOSTS="http://10.0.0.5:8080",
        ANYVAR_CALLBACK_SECRET=f"{SECRET},{other}",
    )
    assert done["ANYVAR_CALLBACK_HOSTS"] == [
        Origin("https", "hooks.example.org", 443),
        Origin("https", "a.org", 8443),
    ]
    assert done["ANYVAR_CALLBACK_PRIVATE_HOSTS"] == [Origin("http", "10.0.0.5", 8080)]
    assert [len(key) for key in done["ANYVAR_CALLBACK_SECRET"]] == [24, 24]


@pytest.mark.parametrize("variable", ["ANYVAR_CALLBACK_HOSTS", "ANYVAR_CALLBACK_PRIVATE_HOSTS"])
def test_hosts_without_a_secret_are_refused(variable: str) -> None:
    sentence = refusal(**{variable: "hooks.example.org"})
    assert sentence.startswith(f"{variable} is set without ANYVAR_CALLBACK_SECRET")


@pytest.mark.parametrize("entry", ["https://a.org/path", "u@a.org", "ftp://a.org", "a.org:x"])
def test_an_entry_that_is_no_host_is_refused(entry: str) -> None:
    sentence = refusal(ANYVAR_CALLBACK_HOSTS=f"b.org,{entry}", ANYVAR_CALLBACK_SECRET=SECRET)
    assert sentence.startswith("ANYVAR_CALLBACK_HOSTS has a wrong entry. Must")


@pytest.mark.parametrize(
    "secret",
    [
        "hunter2-hunter2-hunter2-hunter2-hunter2",
        "whsec_",
        "whsec_" + b64encode(bytes(23)).decode(),
        "whsec_" + b64encode(bytes(65)).decode(),
        "whsec_not*base64",
        SECRET.removeprefix("whsec_"),
        f"{SECRET},whsec_hunter2",
    ],
    ids=["free text", "empty", "23 bytes", "65 bytes", "not Base64", "no prefix", "the second"],
)
def test_a_key_that_is_short_or_not_in_the_standards_form_is_refused_and_not_repeated(secret: str) -> None:
    sentence = refusal(**HOSTS, ANYVAR_CALLBACK_SECRET=secret)
    assert sentence.startswith("ANYVAR_CALLBACK_SECRET must be whsec_")
    assert secret.removeprefix("whsec_") not in sentence or secret == "whsec_"


def test_a_mail_server_is_read() -> None:
    done = load(**MAIL)
    assert done["EMAIL_BACKEND"].endswith("smtp.EmailBackend")
    assert (done["EMAIL_HOST"], done["EMAIL_PORT"], done["EMAIL_USE_TLS"]) == ("mail.example.org", 587, True)
    assert (done["EMAIL_HOST_USER"], done["EMAIL_HOST_PASSWORD"]) == ("ada", "p@ss")
    assert (done["EMAIL_TIMEOUT"], done["EMAIL_ENABLED"]) == (10, True)
    assert (done["DEFAULT_FROM_EMAIL"], done["ANYVAR_PUBLIC_URL"]) == (
        "vrs@example.org",
        "https://vrs.example.org",
    )


@pytest.mark.parametrize("needed", ["DEFAULT_FROM_EMAIL", "ANYVAR_PUBLIC_URL"])
def test_a_mail_server_needs_a_sender_and_the_address_of_the_service(needed: str) -> None:
    assert f"EMAIL_URL is set without {needed}" in refusal(**MAIL | {needed: ""})


@pytest.mark.parametrize(
    "url", ["mail.example.org", "imap://u:secret@mail.example.org", "smtp://u:secret@h:x"]
)
def test_an_address_that_is_no_mail_server_is_refused_and_not_repeated(url: str) -> None:
    sentence = refusal(**MAIL | {"EMAIL_URL": url})
    assert "EMAIL_URL" in sentence
    assert "secret" not in sentence
