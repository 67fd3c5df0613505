"""The search of the header: an allele, a region, a run, or a page that says what it takes."""

from __future__ import annotations

import io
import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from tests.conftest import TINY_CONTIG
from tests.factories import make_run
from tests.web.page_text import link, words
from tests.web.test_allele_page import UNKNOWN, make_allele
from vcfjobs.models import Allele, Sequence
from vcfjobs.references.register import load_reference
from vcfjobs.web import find

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def allele(tiny_assembly: str) -> Allele:
    """A registered SNV at the third base of tiny's chr1."""
    return make_allele(2, 3, literal="T", sequence=Sequence.objects.get(contigs__name="chr1"))


def leads_to(client: Client, typed: str) -> str:
    response = client.get("/find/", {"q": typed})
    assert response.status_code == 302
    return str(response["Location"])


def test_every_page_has_the_search(client: Client) -> None:
    for address in ("/", f"/jobs/{make_run().pk}/", "/jobs/nobody/"):
        assert '<form class="find" method="get" action="/find/"' in words(client.get(address))


def test_an_identifier_leads_to_its_allele_with_or_without_its_prefix(client: Client, allele: Allele) -> None:
    for typed in (str(allele), f" VA.{allele.digest} ", allele.digest):
        assert leads_to(client, typed) == f"/alleles/{allele}/"
    assert leads_to(client, UNKNOWN) == f"/alleles/{UNKNOWN}/"  # which says that it is not registered


def test_a_digest_that_is_not_registered_may_name_a_run(client: Client) -> None:
    digest = UNKNOWN[-32:]
    assert leads_to(client, digest) == f"/alleles/{UNKNOWN}/"
    run = make_run(run_id=digest)
    assert leads_to(client, digest) == f"/jobs/{run.pk}/"


def test_a_run_is_found_by_run_id_key_or_the_beginning_of_its_file(client: Client) -> None:
    run = make_run(run_id="mine", file_name="trio one.vcf")
    assert leads_to(client, "mine") == leads_to(client, str(run.pk)) == f"/jobs/{run.pk}/"
    there = leads_to(client, "trio o")
    assert there == "/?search=trio+o"
    assert "trio one.vcf" in words(client.get(there))


def test_anothers_run_is_not_found(client: Client, closed: None) -> None:
    make_run(run_id="theirs", owner="user:999999")
    assert client.get("/find/", {"q": "theirs"}).status_code == 302  # to the login
    client.force_login(User.objects.create_user("ada"))
    assert client.get("/find/", {"q": "theirs"}).status_code == 404


def test_a_region_lists_the_registered_alleles_that_overlap_it(client: Client, allele: Allele) -> None:
    for typed in ("chr1:3-10", "1:3", "chr1:3"):
        page = words(client.get("/find/", {"q": typed}))
        assert f'<a href="/alleles/{allele}/"><code>{allele}</code></a>' in page
        assert '<td data-label="Bases">3</td>' in page
    assert "No registered allele overlaps" in words(client.get("/find/", {"q": "chr1:100-200"}))


def test_of_several_assemblies_with_the_contig_one_is_chosen(
    client: Client, allele: Allele, settings: Settings
) -> None:
    load_reference(
        name="other",
        fasta=io.BytesIO(f">chr1\n{TINY_CONTIG[::-1]}\n".encode()),
        source="other.fa",
        accessions={},
        canonical=False,
        replace=False,
        on_progress=lambda _: None,
    )
    first = words(client.get("/find/", {"q": "chr1:3-10"}))
    assert "<option selected>other</option><option>tiny</option>" in first
    assert str(allele) not in first
    assert str(allele) in words(client.get("/find/", {"q": "chr1:3-10", "assembly": "tiny"}))
    settings.ANYVAR_DEFAULT_ASSEMBLY = "tiny"
    assert str(allele) in words(client.get("/find/", {"q": "chr1:3-10"}))


def test_alleles_of_a_region_are_paged(
    client: Client, allele: Allele, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(find, "PAGE_SIZE", 2)
    others = [make_allele(at, at + 1, literal="T", sequence=allele.sequence) for at in (5, 7)]
    first = client.get("/find/", {"q": "chr1:1-20"})
    second = client.get("/find/" + link(first, "found-next"))
    for page, expected in ((first, [allele, others[0]]), (second, [others[1]])):
        assert re.findall(r'<a href="/alleles/([^/]*)/">', words(page)) == [str(each) for each in expected]
    assert link(second, "found-next") == ""
    assert link(second, "found-first") == "?q=chr1%3A1-20"


def test_a_wrong_cursor_is_422(client: Client, allele: Allele) -> None:
    response = client.get("/find/", {"q": "chr1:1-20", "cursor": "x"})
    assert response.status_code == 422
    assert "Not a cursor" in words(response)


@pytest.mark.parametrize(
    "typed",
    ["nothing", "<b>", "chr1", "x\0y", "x" * 400, "a b"],
    ids=["text", "markup", "contig", "control character", "long", "words"],
)
def test_where_nothing_is_found_the_page_says_what_the_search_takes(
    client: Client, tiny_assembly: str, typed: str
) -> None:
    response = client.get("/find/", {"q": typed})
    assert response.status_code == 404
    assert "The search takes:" in words(response)
    assert b"<b>" not in response.content


def test_an_unknown_contig_is_named(client: Client, tiny_assembly: str) -> None:
    assert "has the contig <bdi>chr9</bdi>" in words(client.get("/find/", {"q": "chr9:1-2"}))


def test_an_empty_search_leads_to_the_runs(client: Client) -> None:
    assert leads_to(client, " ") == "/"
