"""References and alleles in the admin."""

from __future__ import annotations

import re

import pytest
from django.contrib.admin import site
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.admin.operator import hold, make_allele, staff
from tests.factories import make_run
from vcfjobs.admin import alleles, lists, references
from vcfjobs.models import Allele, Assembly, Contig, Sequence, Status
from vcfjobs.registry import provenance, queries

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_an_assembly_is_shown_with_its_contigs_and_stays(admin: Client, tiny_assembly: str) -> None:
    assembly = Assembly.objects.get()
    page = admin.get(reverse("admin:vcfjobs_assembly_change", args=[assembly.pk])).content.decode()
    for contig in Contig.objects.select_related("sequence"):
        assert contig.name in page
        assert contig.sequence.accession in page
    deleted = admin.post(reverse("admin:vcfjobs_assembly_delete", args=[assembly.pk]), {"post": "yes"})
    assert deleted.status_code == 403
    assert Assembly.objects.exists()


def test_a_sequence_is_shown_with_what_it_is_used_as(admin: Client, tiny_assembly: str) -> None:
    page = admin.get(reverse("admin:vcfjobs_sequence_changelist")).content.decode()
    assert Sequence.objects.get(contigs__name="chrM").accession in page
    assert "tiny:chrM" in page


def test_alleles_are_shown_and_found_by_their_identifiers_alone(admin: Client) -> None:
    for letter in "Ab":
        make_allele(digest=letter * 32)
    page = admin.get("/admin/vcfjobs/allele/").content.decode()
    assert "A" * 32 in page
    assert f"/admin/vcfjobs/allele/{'b' * 32}/change/" in page
    found = admin.get(f"/admin/vcfjobs/allele/?q=ga4gh:VA.{'A' * 32}").content.decode()
    assert "A" * 32 in found
    assert "b" * 32 not in found
    assert admin.get(f"/admin/vcfjobs/allele/{'b' * 32}/change/").status_code == 200
    assert admin.get("/admin/vcfjobs/allele/?q=x").status_code == 200


def test_no_address_sorts_or_counts_all_alleles(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "MOST_LISTED", 2)
    monkeypatch.setattr(site._registry[Allele], "list_per_page", 1)
    monkeypatch.setattr(queries, "COUNTED", 1)
    for start in range(4):
        make_allele(start=start, end=start + 1)
    with CaptureQueriesContext(connection) as captured:
        page = admin.get("/admin/vcfjobs/allele/", {"o": "2"}).content.decode()
    assert "the first 2 of about" in page
    asked = [query["sql"] for query in captured if "vcfjobs_allele" in query["sql"]]
    assert all("LIMIT" in sql or "EXPLAIN" in sql or "MAX(rowid)" in sql for sql in asked)
    orders = {part for sql in asked for part in re.findall(r"ORDER BY (.*?) (?:LIMIT|$)", sql)}
    assert orders == {'"vcfjobs_allele"."digest" ASC'}


def test_the_page_of_an_allele_tells_all_about_it(admin: Client, client: Client, tiny_assembly: str) -> None:
    sequence = Sequence.objects.get(contigs__name="chrM")
    allele = make_allele(sequence=sequence)
    vrs = allele.to_vrs()
    run = make_run(run_id="holder")
    hold(run, allele)
    address = reverse("admin:vcfjobs_allele_change", args=[allele.pk])
    page = admin.get(address).content.decode()
    assert f'href="/alleles/{allele}/"' in page
    for part in (vrs["id"], vrs["location"]["id"], sequence.accession, "tiny:chrM", "&quot;Allele&quot;"):
        assert part in page
    assert f'href="{reverse("admin:vcfjobs_run_change", args=[run.pk])}">holder</a>' in page
    assert "holder</a>" not in staff(client, "view_allele").get(address).content.decode()


def test_a_search_for_an_alleles_runs_that_ends_early_says_so(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alleles, "RUNS_SHOWN", 1)
    monkeypatch.setattr(provenance, "RUNS_SEARCHED", 1)
    allele = make_allele()
    for number in range(2):
        hold(make_run(run_id=f"holder-{number}"), allele)
    page = admin.get(reverse("admin:vcfjobs_allele_change", args=[allele.pk])).content.decode()
    assert "holder-1" in page
    assert "holder-0" not in page
    assert "more runs may contain it" in page


def test_a_huge_literal_is_not_written_out(admin: Client) -> None:
    allele = make_allele(literal="ACGT" * 5000)
    page = admin.get(reverse("admin:vcfjobs_allele_change", args=[allele.pk])).content.decode()
    assert "20,000 bases" in page
    assert "ACGT" * 100 not in page


def test_of_many_contigs_the_first_are_shown_and_the_others_linked(admin: Client) -> None:
    assembly = Assembly.objects.create(name="scaffolds", source="scaffolds.fa.gz")
    for number in range(references.CONTIGS_SHOWN + 5):
        sequence = Sequence.objects.create(accession=f"SQ.{number:032}", length=1000)
        Contig.objects.create(
            assembly=assembly,
            ordinal=number,
            name=f"s{number}",
            sequence=sequence,
            content=sequence.accession,
        )
    make_run(assembly="scaffolds")
    make_run(assembly="scaffolds", status=Status.SUCCEEDED)
    with CaptureQueriesContext(connection) as captured:
        page = admin.get(reverse("admin:vcfjobs_assembly_change", args=[assembly.pk])).content.decode()
    assert len(captured) <= 9
    assert re.findall(r'<th scope="row">s(\d+)</th>', page) == [
        str(n) for n in range(references.CONTIGS_SHOWN)
    ]
    assert "scaffolds.fa.gz" in page
    assert "55 contigs, 55,000 bases" in page
    assert "Used by 1 queued or running run." in page
    assert "manage.py load_reference NAME FASTA" in page
    assert "--replace" in page
    (address,) = re.findall(r'href="([^"]*contig/[?][^"]*)"', page)
    assert (
        "55 contigs" in admin.get(address, {"p": "1"}).content.decode() + admin.get(address).content.decode()
    )


def test_a_sequence_that_is_very_many_contigs_names_the_first(admin: Client, tiny_assembly: str) -> None:
    sequence = Sequence.objects.get(contigs__name="chrM")
    assembly = Assembly.objects.get()
    for number in range(references.USES_SHOWN + 5):
        Contig.objects.create(
            assembly=assembly, ordinal=number + 2, name=f"gap{number}", sequence=sequence, content="SQ.x"
        )
    for page in (
        admin.get(reverse("admin:vcfjobs_sequence_change", args=[sequence.pk])),
        admin.get(reverse("admin:vcfjobs_sequence_changelist"), {"q": sequence.accession}),
    ):
        assert "tiny:gap5, " in page.content.decode()
        assert "…" in page.content.decode()
        assert f"gap{references.USES_SHOWN}" not in page.content.decode()
