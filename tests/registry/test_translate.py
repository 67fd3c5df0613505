"""Registered alleles under both versions: what is read of a reference, and when nothing can be told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from tests.conftest import TINY_CONTIG
from vcfjobs.models import Allele, Assembly, Sequence
from vcfjobs.registry.translate import Translator
from vcfjobs.vrs.digests import vrs_allele

pytestmark = pytest.mark.django_db


@pytest.fixture
def sequence(tiny_assembly: str) -> Sequence:
    return Sequence.objects.get(contigs__name="chr1")


def allele_on(sequence: Sequence, start: int, end: int, **state: Any) -> Allele:
    vrs = vrs_allele(sequence.accession, start, end, **state)
    return Allele(digest=vrs["digest"], sequence=sequence, start=start, end=end, span=0, **state)


def two_into_nine(sequence: Sequence, repeat_subunit_length: int = 2) -> Allele:
    """AA inserted into the run of nine A at 21."""
    return allele_on(sequence, 21, 30, length=11, repeat_subunit_length=repeat_subunit_length)


@pytest.mark.parametrize("own", [2, 1])
def test_an_insertion_has_both_identifiers_whichever_is_registered(sequence: Sequence, own: int) -> None:
    assert Translator().ids_by_version(two_into_nine(sequence, own)) == {
        "2.0": str(two_into_nine(sequence, 2)),
        "2.1": str(two_into_nine(sequence, 1)),
    }


@pytest.mark.parametrize(
    "allele",
    [
        {"start": 2, "end": 3, "literal": "T"},
        {"start": 21, "end": 30, "length": 9, "repeat_subunit_length": 9},
        {"start": 21, "end": 30, "length": 7, "repeat_subunit_length": 2},
    ],
    ids=["snv", "reference", "deletion"],
)
def test_what_is_no_insertion_into_a_repeat_needs_no_reference(
    sequence: Sequence, allele: dict[str, Any], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        assert Translator().ids_by_version(allele_on(sequence, **allele)) == {}


def test_a_sequence_is_opened_once(
    sequence: Sequence, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    translator = Translator()
    with django_assert_num_queries(1):
        for _ in range(3):
            assert translator.ids_by_version(two_into_nine(sequence))


def test_without_the_assembly_or_its_file_nothing_can_be_told(sequence: Sequence, settings: Settings) -> None:
    (settings.ANYVAR_SEQUENCE_DIR / sequence.accession).unlink()
    assert Translator().ids_by_version(two_into_nine(sequence)) is None
    Assembly.objects.all().delete()
    assert Translator().ids_by_version(two_into_nine(sequence)) is None


def test_of_a_subunit_above_the_limit_nothing_is_said(sequence: Sequence) -> None:
    assert Translator(longest_subunit=1).ids_by_version(two_into_nine(sequence)) is None
    assert Translator(longest_subunit=2).ids_by_version(two_into_nine(sequence))


def test_a_subunit_beyond_the_sequence_is_never_guessed(sequence: Sequence) -> None:
    beyond = allele_on(sequence, 238, 248, length=14, repeat_subunit_length=4)
    assert Translator().ids_by_version(beyond) is None


def test_the_sequence_itself_counts_before_a_masked_copy_under_its_accession(
    sequence: Sequence, settings: Settings
) -> None:
    masked = Assembly.objects.create(name="masked")
    copy = "SQ." + "a" * 32  # sorts before the sequence's own
    Path(settings.ANYVAR_SEQUENCE_DIR / copy).write_text("ACGT" * (len(TINY_CONTIG) // 4))
    masked.contigs.create(ordinal=0, name="1", sequence=sequence, content=copy)
    assert Translator().ids_by_version(two_into_nine(sequence))
    Assembly.objects.exclude(pk=masked.pk).delete()
    assert Translator().ids_by_version(two_into_nine(sequence)) == {}
