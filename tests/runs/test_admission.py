"""What is refused before the body of an upload is read."""

from __future__ import annotations

import io
from typing import NoReturn

import pytest
from django.core.cache import cache
from django.core.handlers.wsgi import WSGIRequest
from django.test import RequestFactory
from pytest_django import Settings

from tests.factories import make_run
from vcfjobs.errors import (
    LengthRequiredError,
    OwnerHasTooManyRunsError,
    SubmittedTooOftenError,
    UploadTooLargeError,
    VcfJobsError,
)
from vcfjobs.runs.admission import admit_upload

pytestmark = [pytest.mark.django_db]


class UnreadBody(io.BytesIO):
    """A body that fails the test when it is read."""

    def read(self, *_: object) -> NoReturn:
        raise AssertionError("the body was read")


@pytest.fixture(autouse=True)
def _fresh_count() -> None:
    cache.clear()


def upload(length: int | None = 10) -> WSGIRequest:
    request = RequestFactory().put("/vcf")
    request.META.pop("CONTENT_LENGTH", None)
    if length is not None:
        request.META["CONTENT_LENGTH"] = str(length)
    request._stream = UnreadBody()
    return request


def test_an_upload_within_every_limit_is_admitted() -> None:
    admit_upload(upload(), "a")


def test_an_upload_without_a_length_is_refused() -> None:
    with pytest.raises(LengthRequiredError):
        admit_upload(upload(None), "a")


def test_an_upload_above_the_limit_is_refused(settings: Settings) -> None:
    settings.ANYVAR_MAX_UPLOAD_BYTES = 9
    with pytest.raises(UploadTooLargeError, match="limit of 9 bytes"):
        admit_upload(upload(10), "a")


def test_the_other_fields_of_a_form_do_not_count_as_the_file(settings: Settings) -> None:
    settings.ANYVAR_MAX_UPLOAD_BYTES = 9
    admit_upload(upload(10), "a", form_bytes=1)


def test_an_owner_at_its_quota_is_refused(settings: Settings) -> None:
    settings.ANYVAR_OWNER_MAX_RUNS = 1
    make_run(owner="a")
    with pytest.raises(OwnerHasTooManyRunsError):
        admit_upload(upload(), "a")
    admit_upload(upload(), "b")


def test_a_refused_upload_counts_towards_the_rate_of_its_owner(settings: Settings) -> None:
    settings.ANYVAR_SUBMIT_RATE = "1/min"
    with pytest.raises(VcfJobsError):
        admit_upload(upload(None), "a")
    with pytest.raises(SubmittedTooOftenError) as refused:
        admit_upload(upload(), "a")
    assert refused.value.retry_after
    admit_upload(upload(), "b")
