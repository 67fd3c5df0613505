"""Every example of the OpenAPI document is what the service answers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from django.test import override_settings
from pytest_django import DjangoDbBlocker, Settings

from tests.api.conftest import body
from tests.api.document import EXAMPLES, OPERATIONS, Example
from tests.api.provocations import Session, provocation_of
from tests.conftest import PROJECT
from vcfjobs.api.openapi import examples
from vcfjobs.models import Assembly, Contig, Sequence
from vcfjobs.references.register import load_reference
from vcfjobs.registry import load
from vcfjobs.vrs.digests import digest_bytes

# What differs from one session to the next.
DECIDED = {
    "created", "started", "finished", "expires", "result_bytes", "result_sha256", "records_per_second",
    "createdAt", "updatedAt",
}  # fmt: skip
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture(scope="module")
def chromosome(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[Any]]:
    """The folder of the demo's reference, and its rows, not yet in the database."""
    folder = tmp_path_factory.mktemp("sequences")
    with django_db_blocker.unblock(), override_settings(ANYVAR_SEQUENCE_DIR=folder), transaction.atomic():
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
        rows: list[Any] = [*Sequence.objects.all(), *Assembly.objects.all(), *Contig.objects.all()]
        transaction.set_rollback(True)
    return folder, rows


@pytest.fixture
def world(db: None, chromosome: tuple[Path, list[Any]], settings: Settings, broker: list[Any]) -> None:
    """A service with GRCh37 as a reference, and its alleles registered."""
    settings.ANYVAR_SEQUENCE_DIR, rows = chromosome
    for row in rows:
        type(row)(**{field.attname: getattr(row, field.attname) for field in row._meta.fields}).save(
            force_insert=True
        )
    load.load(
        (
            digest_bytes(allele["digest"]),
            allele["location"]["sequenceReference"]["refgetAccession"],
            allele["location"]["start"],
            allele["location"]["end"],
            allele["state"].get("sequence"),
            allele["state"].get("length"),
            allele["state"].get("repeatSubunitLength"),
        )
        for allele in (*examples.SNV, *examples.DELETION)
    )


def steady(value: Any) -> Any:
    """The value without what differs from one session to the next."""
    if isinstance(value, dict):
        return {name: "…" if name in DECIDED and inner else steady(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [steady(inner) for inner in value]
    return re.sub(r"\d[\d,]*", "#", UUID.sub("UUID", value)) if isinstance(value, str) else value


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(
    "example", EXAMPLES, ids=lambda example: f"{example.operation}-{example.status}-{example.summary}"
)
def test_an_example_is_what_is_answered(
    example: Example, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.clear()  # how often the tests before have submitted
    settings.ANYVAR_DEFAULT_ASSEMBLY = "GRCh37"
    # It registers over a connection of its own, which the test's open transaction would keep waiting.
    monkeypatch.setattr(load, "_write", lambda rows: None)
    settings.ANYVAR_PROVENANCE = False
    session = Session(settings, monkeypatch, OPERATIONS[example.operation])
    answer = provocation_of(example)(session)
    said = body(answer).decode()
    assert answer.status_code == example.status, said
    assert answer["Content-Type"].partition(";")[0] == example.media
    if example.media.endswith(("/json", "+json")):
        assert steady(json.loads(said)) == steady(example.value)
    elif example.operation == "get_metrics":
        assert example.value in said
    else:
        assert said == example.value
