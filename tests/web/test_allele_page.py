"""The page of one allele: what it says, and whose runs it names."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from tests.factories import make_run
from tests.web.page_text import words
from vcfjobs.models import Allele, Run, RunAlleles, Sequence
from vcfjobs.registry import provenance
from vcfjobs.vrs.digests import digest_bytes, vrs_allele

pytestmark = [pytest.mark.django_db, pytest.mark.database]

UNKNOWN = "ga4gh:VA." + "A" * 32


def make_allele(start: int, end: int, *, sequence: Sequence | None = None, **state: Any) -> Allele:
    """A registered allele of the first known sequence under its true digest."""
    sequence = sequence or Sequence.objects.earliest("pk")
    vrs = vrs_allele(sequence.accession, start, end, **state)
    values = {"length": None, "repeat_subunit_length": None, "literal": None} | state
    return Allele.objects.create(
        digest=vrs["digest"], sequence=sequence, start=start, end=end, span=0, **values
    )


def hold(run: Run, *alleles: Allele) -> None:
    """Note that the run held these alleles."""
    raw = b"".join(sorted(digest_bytes(allele.digest) for allele in alleles))
    RunAlleles.objects.create(run=run, ordinal=0, digests=raw)


@pytest.fixture
def allele(tiny_assembly: str) -> Allele:
    """A registered SNV at the third base of a sequence."""
    return make_allele(2, 3, literal="T")


def test_an_allele_is_said_in_words_and_in_both_ways_to_count(client: Client, allele: Allele) -> None:
    page = words(client.get(f"/alleles/{allele}/"))
    assert f'<h1 class="identifier">{allele}</h1>' in page
    assert ">SNV</h2>" in page
    assert "1-based</dt><dd>3</dd>" in page
    assert "inter-residue</dt><dd>2, 3</dd>" in page
    assert "tiny:chr1" in page
    assert allele.sequence.accession in page
    assert allele.to_vrs()["location"]["id"] in page


def test_the_vrs_object_is_the_one_that_the_api_gives(client: Client, allele: Allele) -> None:
    page = client.get(f"/alleles/{allele}/").content.decode()
    shown = re.search(r"<pre[^>]*><code>(\{.*?)</code></pre>", page, re.DOTALL)
    assert shown is not None
    assert json.loads(unescape(shown.group(1))) == client.get(f"/object/{allele}").json()["data"]
    assert f'href="/object/{allele}"' in page


@pytest.mark.parametrize(
    ("place", "state", "kind", "bases"),
    [
        ((2, 3), {"literal": "T"}, "SNV", "3"),
        ((2, 4), {"literal": "TT"}, "MNV", "3 to 4"),
        ((2, 4), {"literal": "TTT"}, "Deletion-insertion", "3 to 4"),
        ((2, 2), {"literal": "TT"}, "Insertion", "between 2 and 3"),
        ((2, 4), {"literal": ""}, "Deletion", "3 to 4"),
        ((2, 6), {"length": 4, "repeat_subunit_length": 4}, "REF allele", "3 to 6"),
        ((2, 6), {"length": 2, "repeat_subunit_length": 2}, "Deletion", "3 to 6"),
        ((2, 6), {"length": 0, "repeat_subunit_length": 4}, "Deletion", "3 to 6"),
        ((2, 6), {"length": 8, "repeat_subunit_length": 2}, "Insertion", "3 to 6"),
        ((1233, 1234567), {"literal": ""}, "Deletion", "1234 to 1234567"),
    ],
)
def test_what_an_allele_does_follows_from_its_location_and_state(
    client: Client, tiny_assembly: str, place: tuple[int, int], state: dict[str, Any], kind: str, bases: str
) -> None:
    page = words(client.get(f"/alleles/{make_allele(*place, **state)}/"))
    assert f">{kind}</h2>" in page
    assert f"1-based</dt><dd>{bases}</dd>" in page


def test_a_reference_length_expression_shows_its_lengths(client: Client, tiny_assembly: str) -> None:
    page = words(client.get(f"/alleles/{make_allele(2, 6, length=1008, repeat_subunit_length=2)}/"))
    assert "<dd>Reference-length expression</dd>" in page
    assert "Length</dt><dd>1008</dd>" in page
    assert "subunit length</dt><dd>2</dd>" in page


def test_an_insertion_into_a_repeat_shows_its_identifier_under_both_versions(
    client: Client, tiny_assembly: str
) -> None:
    where = Sequence.objects.get(contigs__name="chr1")
    allele = make_allele(21, 30, sequence=where, length=11, repeat_subunit_length=2)  # AA into nine A
    under_2_1 = vrs_allele(where.accession, 21, 30, length=11, repeat_subunit_length=1)
    page = words(client.get(f"/alleles/{allele}/"))
    assert f"under VRS 2.0</dt><dd><code>{allele}</code>" in page
    assert f"under VRS 2.1</dt><dd><code>{under_2_1['id']}</code>" in page


def test_an_allele_with_one_identifier_says_nothing_of_versions(client: Client, allele: Allele) -> None:
    assert "under VRS" not in words(client.get(f"/alleles/{allele}/"))


def test_an_allele_is_named_by_every_assembly_that_holds_its_sequence(client: Client, allele: Allele) -> None:
    from vcfjobs.models import Assembly

    other = Assembly.objects.create(name="other")
    other.contigs.create(ordinal=0, name="<1>", sequence=allele.sequence, content="x")
    page = words(client.get(f"/alleles/{allele}/"))
    assert "tiny:chr1" in page
    assert "other:<1>" in page


def test_an_allele_of_an_assembly_that_is_gone_is_still_shown(client: Client, allele: Allele) -> None:
    allele.sequence.contigs.all().delete()
    response = client.get(f"/alleles/{allele}/")
    assert response.status_code == 200
    assert "not in a registered assembly" in words(response)


def test_a_long_literal_does_not_make_a_long_page(client: Client, tiny_assembly: str) -> None:
    response = client.get(f"/alleles/{make_allele(2, 3, literal='ACGT' * 100_000)}/")
    assert len(response.content) < 30_000
    assert "(400000" in words(response)
    assert "The sequence is shortened here." in words(response)


def test_an_identifier_that_is_not_registered_is_404_and_says_what_to_do(client: Client) -> None:
    response = client.get(f"/alleles/{UNKNOWN}/")
    assert response.status_code == 404
    assert f'No allele is registered here under <code class="identifier">{UNKNOWN}' in words(response)
    assert "submit a file with this allele" in words(response)


@pytest.mark.parametrize(
    "text", ["x", "ga4gh:VA.short", "ga4gh:SL." + "A" * 32, "A" * 32, "%00", "ga4gh:VA.%F0"]
)
def test_what_is_no_identifier_is_404(client: Client, text: str) -> None:
    response = client.get(f"/alleles/{text}/")
    assert response.status_code == 404
    assert "This page or run does not exist" in words(response)


@pytest.mark.parametrize("typed", ["{}", " {} ", "without namespace"])
def test_an_identifier_that_is_searched_leads_to_its_page(client: Client, allele: Allele, typed: str) -> None:
    search = str(allele).removeprefix("ga4gh:") if typed == "without namespace" else typed.format(allele)
    response = client.get("/", {"search": search})
    assert (response.status_code, response["Location"]) == (302, f"/alleles/{allele}/")


def test_what_only_looks_like_an_identifier_is_searched_among_the_runs(client: Client) -> None:
    make_run(run_id="ga4gh:VA.mine")
    assert "ga4gh:VA.mine" in words(client.get("/", {"search": "ga4gh:VA.mine"}))


# --- whose runs --------------------------------------------------------------------------------


def test_the_runs_that_held_it_are_listed_newest_first(client: Client, allele: Allele) -> None:
    old = make_run(file_name="old.vcf", created=timezone.now() - timedelta(days=1))
    new, without = make_run(file_name="new.vcf"), make_run(file_name="without.vcf")
    hold(old, allele)
    hold(new, allele)
    hold(without, make_allele(5, 6, literal="A"))
    page = words(client.get(f"/alleles/{allele}/"))
    assert page.index("new.vcf") < page.index("old.vcf")
    assert "without.vcf" not in page
    assert f'href="/jobs/{new.pk}/"' in page


def test_another_users_run_is_not_there_and_staff_sees_it(
    client: Client, allele: Allele, closed: None
) -> None:
    ada = User.objects.create_user("ada")
    hold(make_run(owner=f"user:{ada.pk}", file_name="hers.vcf"), allele)
    hold(make_run(owner="user:999999", file_name="other.vcf"), allele)
    client.force_login(ada)
    page = words(client.get(f"/alleles/{allele}/"))
    assert "hers.vcf" in page
    assert "other.vcf" not in page
    client.force_login(User.objects.create_user("eve", is_staff=True))
    page = words(client.get(f"/alleles/{allele}/"))
    assert "hers.vcf" in page
    assert "other.vcf" in page


def test_a_service_with_tokens_asks_for_a_login(client: Client, allele: Allele, closed: None) -> None:
    response = client.get(f"/alleles/{allele}/")
    assert (response.status_code, response["Location"]) == (
        302,
        f"/login/?next=/alleles/{quote(str(allele))}/",
    )


def test_an_allele_that_no_run_held_says_so(client: Client, allele: Allele) -> None:
    assert "<p>None.</p>" in words(client.get(f"/alleles/{allele}/"))


def test_without_provenance_nothing_is_said_of_runs(
    client: Client, allele: Allele, settings: Settings
) -> None:
    settings.ANYVAR_PROVENANCE = False
    assert "that held it" not in words(client.get(f"/alleles/{allele}/"))


@pytest.mark.parametrize(("searched", "shown"), [(3, 20), (100, 2)])
def test_every_run_that_held_it_is_on_exactly_one_page(
    client: Client, allele: Allele, monkeypatch: pytest.MonkeyPatch, searched: int, shown: int
) -> None:
    """Whether a page ends because it has looked through enough runs or because it shows enough."""
    monkeypatch.setattr(provenance, "RUNS_SEARCHED", searched)
    monkeypatch.setattr(provenance, "RUNS_A_PAGE", shown)
    moment = timezone.now()
    holders = []
    for number in range(10):
        run = make_run(created=moment)
        if number % 3 == 0:
            hold(run, allele)
            holders.append(run.pk)
    seen = []
    query = ""
    for _ in range(10):
        page = client.get(f"/alleles/{allele}/{query}")
        seen += [run.pk for run in page.context["holding"].runs]
        link = re.search(r'href="/alleles/[^"?]*(\?before=[^"]*)"', page.content.decode())
        if link is None:
            break
        query = unescape(link.group(1))
    assert sorted(seen) == sorted(holders)
    assert len(seen) == len(set(seen))


def test_large_runs_are_looked_through_in_smaller_numbers(
    allele: Allele, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "BATCHES_SEARCHED", 1)
    for _ in range(3):
        hold(make_run(), allele)
    found = provenance.runs_holding(allele, Run.objects.all(), "")
    assert len(found.runs) == 1  # the first in any case
    assert found.older


@pytest.mark.parametrize("held", [0, 1, 3])
def test_the_page_of_an_allele_takes_the_same_queries_and_one_a_run_shown(
    client: Client, allele: Allele, django_assert_num_queries: DjangoAssertNumQueries, held: int
) -> None:
    for _ in range(held):
        hold(make_run(), allele)
    for _ in range(5):
        make_run()
    with django_assert_num_queries(5 + held):  # allele, contigs, runs, their batches, the holders
        client.get(f"/alleles/{allele}/")
