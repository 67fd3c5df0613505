"""What the API's tests share: a client, runs in every state, and submitting as clients do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from tests.conftest import PROJECT
from tests.factories import VCF, make_run, store_input
from vcfjobs.models import Run
from vcfjobs.references.register import load_reference
from vcfjobs.worker import executor

if TYPE_CHECKING:  # the name that the stubs have for the client's answer, which has json()
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

Submit = Callable[..., "Answer"]


@pytest.fixture
def submit(client: Client, tiny_assembly: str, broker: list[Any]) -> Submit:
    """PUT /vcf as multipart, or as the raw body with `raw=True`; query parameters by name."""

    def call(content: bytes = VCF, *, raw: bool = False, name: str = "in.vcf", **query: str) -> Answer:
        given = {"assembly": "tiny", **query}
        address = "/vcf?" + "&".join(f"{key}={value}" for key, value in given.items())
        if raw:
            return client.put(address, content, content_type="application/octet-stream")
        return client.post(address, {"vcf": SimpleUploadedFile(name, content)})

    return call


@pytest.fixture
def succeeded(tiny_assembly: str) -> Run:
    """A run that a worker has done."""
    run = make_run(file_name="sample.vcf.gz")
    store_input(run)
    executor.run(run.pk, task_id="t", worker="w")
    run.refresh_from_db()
    assert run.status == "succeeded"
    return run


@pytest.fixture
def expired(succeeded: Run) -> Run:
    """A succeeded run whose time is up."""
    Run.objects.filter(pk=succeeded.pk).update(expires=timezone.now() - timedelta(seconds=1))
    return succeeded


def register_demo() -> None:
    """Register the demo's chromosome 20 as GRCh37."""
    with (PROJECT / "demo" / "GRCh37.chr20.fa.gz").open("rb") as fasta:
        load_reference(
            name="GRCh37",
            fasta=fasta,
            source="GRCh37.chr20.fa.gz",
            accessions={},
            canonical=True,
            replace=False,
            on_progress=lambda _: None,
        )


def body(response: Any) -> bytes:
    """The bytes of an answer, streamed or not."""
    content: bytes = b"".join(response.streaming_content) if response.streaming else response.content
    leave(response)
    return content


def leave(response: Any) -> None:
    """Close what the answer holds, as the server does; the test's database connection stays."""
    for close in response._resource_closers:
        close()
