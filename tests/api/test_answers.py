"""Every answer that the OpenAPI document names is given, fits its schema, and is like its example."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from django.test import override_settings
from pytest_django import DjangoDbBlocker, Settings

from tests.api.conftest import body, register_demo
from tests.api.document import ANSWERS, OPERATIONS, Answer, require_fit
from tests.api.provocations import ALLELES, Session, provocation_of
from vcfjobs.models import Assembly, Contig, Sequence
from vcfjobs.registry import load
from vcfjobs.vrs.digests import digest_bytes


@pytest.fixture(scope="module")
def chromosome(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[Any]]:
    """The folder of the demo's reference, and its rows, not yet in the database."""
    folder = tmp_path_factory.mktemp("sequences")
    with django_db_blocker.unblock(), override_settings(ANYVAR_SEQUENCE_DIR=folder), transaction.atomic():
        register_demo()
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
        [
            (
                digest_bytes(allele["digest"]),
                allele["location"]["sequenceReference"]["refgetAccession"],
                allele["location"]["start"],
                allele["location"]["end"],
                allele["state"].get("sequence"),
                allele["state"].get("length"),
                allele["state"].get("repeatSubunitLength"),
            )
            for allele in ALLELES
        ]
    )


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(
    "answer", ANSWERS, ids=lambda answer: f"{answer.operation}-{answer.status}-{answer.what}"
)
def test_a_documented_answer_is_given(
    answer: Answer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.clear()  # how often the tests before have submitted
    settings.ANYVAR_DEFAULT_ASSEMBLY = "GRCh37"
    # It registers over a connection of its own, which the test's open transaction would keep waiting.
    monkeypatch.setattr(load, "_write", lambda rows: None)
    settings.ANYVAR_PROVENANCE = False
    operation = OPERATIONS[answer.operation]
    response = provocation_of(answer)(Session(settings, monkeypatch, operation))
    given = body(response).decode()
    media = response["Content-Type"].partition(";")[0]
    documented = operation.said["responses"][str(answer.status)]["content"][media]
    value: Any = json.loads(given) if media.endswith(("/json", "+json")) else given
    assert response.status_code == answer.status, given
    assert answer.what == media or answer.what == value["error_code"]
    require_fit(value, documented["schema"])
    for example in documented.get("examples", {}).values():
        assert value == example["value"]
