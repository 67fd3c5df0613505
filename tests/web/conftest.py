"""What the tests of the pages share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from tests.factories import VCF

Post = Callable[..., Any]


@pytest.fixture
def post(client: Client, tiny_assembly: str, broker: object) -> Post:
    """Send the upload form as a browser would."""

    def call(content: bytes = VCF, name: str = "sample.vcf", **fields: str) -> Any:
        file = SimpleUploadedFile(name, content)
        form = {"vcf": file, "assembly": "tiny", "for_ref": "on", "whole": "1"} | fields
        return client.post("/", {key: value for key, value in form.items() if value})

    return call


@pytest.fixture
def closed(settings: Settings) -> None:
    """The service asks who is calling."""
    settings.ANYVAR_AUTH_TOKEN_LIST = ["secret"]
