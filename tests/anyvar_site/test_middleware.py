"""What is refused at the door, and what is said of every answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings
from rest_framework.throttling import SimpleRateThrottle

from anyvar_site.middleware import SIGN_IN_RATE
from tests.api.conftest import Submit, leave
from tests.api.conftest import submit as submit
from tests.factories import VCF
from vcfjobs import storage
from vcfjobs.api import parsers, uploads

pytestmark = [pytest.mark.django_db]

LARGE = b"x" * 3_000_000
TRIES = int(SIGN_IN_RATE.partition("/")[0])


@pytest.fixture(autouse=True)
def _nobody_has_tried() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def spooled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were written to the spool, though they are gone again."""
    names: list[str] = []

    class Noted(uploads.SpooledUpload):
        def __init__(self, name: str | None) -> None:
            super().__init__(name)
            names.append(self.path.name)

    for module in (uploads, parsers):
        monkeypatch.setattr(module, "SpooledUpload", Noted)
    return names


@pytest.mark.parametrize(
    "address", ["/login/", "/admin/login/", "/logout/", "/jobs/x/cancel/", "/jobs/x/delete/"]
)
def test_a_stranger_cannot_write_files_to_the_disk(
    settings: Settings, spooled: list[str], address: str
) -> None:
    settings.ANYVAR_AUTH_TOKEN_LIST = ["secret"]
    stranger = Client(enforce_csrf_checks=True)
    stranger.get("/login/")
    answer = stranger.post(address, {"file": SimpleUploadedFile("x", LARGE)})
    assert answer.status_code == 413
    assert not spooled
    assert not list(storage.spool().iterdir())


def test_a_file_goes_where_files_are_taken(submit: Submit) -> None:
    large = VCF + b"chr1\t1\t.\tA\tC\t.\t.\tX=" + LARGE + b"\n"
    assert submit(large, run_async="true").status_code == 202


def test_passwords_are_not_tried_without_end(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        SimpleRateThrottle, "timer", lambda throttle: 0.0
    )  # a slow machine must not outlast the minute
    User.objects.create_user("reader", password="words-and-words")
    wrong = {"username": "reader", "password": "guess"}
    assert {client.post("/login/", wrong).status_code for _ in range(TRIES // 2)} == {200}
    assert {client.post("/admin/login/", wrong).status_code for _ in range(TRIES // 2)} == {200}
    for address in ("/login/", "/admin/login/"):
        answer = client.post(address, wrong | {"password": "words-and-words"})
        assert answer.status_code == 429
        assert int(answer["Retry-After"]) > 0
        assert client.get(address).status_code == 200
    elsewhere = client.post("/login/", wrong, REMOTE_ADDR="192.0.2.7")
    assert elsewhere.status_code == 200


def test_a_weak_password_is_refused() -> None:
    with pytest.raises(ValidationError):
        validate_password("password")


def test_no_cache_may_give_a_result_to_somebody_else(submit: Submit, client: Client) -> None:
    done = submit(run_id="x")
    assert done.status_code == 200
    leave(done)
    for address in ("/vcf/x", "/runs/x/", "/runs/", "/runs/x/result.vcf.gz", "/runs/x/failures", "/"):
        answer = client.get(address)
        assert answer.status_code == 200
        assert {"private", "no-cache"} <= set(answer["Cache-Control"].split(", "))
        leave(answer)
