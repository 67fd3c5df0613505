"""The admin shows everything, edits nothing, and asks the services for the rest."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests.factories import make_run, make_running, store_input
from vcfjobs import workdir
from vcfjobs.models import Allele, Assembly, Contig, Run, Sequence, Status

pytestmark = [pytest.mark.django_db, pytest.mark.database]

RUNS = "admin:vcfjobs_run_changelist"
ROWS = ("run", "shard", "assembly", "sequence")


@pytest.fixture
def admin(client: Client) -> Client:
    """A signed-in superuser."""
    client.force_login(User.objects.create_superuser("root"))
    return client


def act(admin: Client, action: str, *runs: Run, **more: str) -> str:
    """Do an action with the selected runs; the page that comes of it."""
    form: dict[str, Any] = {"action": action, "_selected_action": [str(run.pk) for run in runs]}
    return admin.post(reverse(RUNS), form | more, follow=True).content.decode()


def test_runs_are_listed_with_their_page_and_progress(admin: Client) -> None:
    run = make_running(run_id="mine", input_bytes=200, bytes_done=50)
    page = admin.get(reverse(RUNS)).content.decode()
    assert f'href="/jobs/{run.pk}/"' in page
    assert "25 %" in page


def test_a_long_list_takes_no_query_a_row_and_no_full_count(
    admin: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(60):
        make_run()
    with django_assert_max_num_queries(8) as captured:
        admin.get(reverse(RUNS), {"q": "nothing"})
    counts = [query["sql"] for query in captured.captured_queries if "COUNT" in query["sql"]]
    assert all("WHERE" in sql for sql in counts)


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("what", ["changelist", "add"])
def test_nothing_is_added(admin: Client, name: str, what: str) -> None:
    status = admin.get(reverse(f"admin:vcfjobs_{name}_{what}")).status_code
    assert status == (200 if what == "changelist" else 403)


def test_a_run_is_shown_and_cannot_be_changed(admin: Client) -> None:
    run = make_run(file_name="a.vcf")
    address = reverse("admin:vcfjobs_run_change", args=[run.pk])
    page = admin.get(address).content.decode()
    assert "a.vcf" in page
    assert 'name="file_name"' not in page
    assert 'name="_save"' not in page
    assert admin.post(address, {"file_name": "b.vcf"}).status_code == 403
    assert Run.objects.get().file_name == "a.vcf"


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


@pytest.mark.parametrize(("term", "found"), [("trio-7", True), ("trio", True), ("rio", False)])
def test_runs_are_found_by_the_beginning_of_their_run_id(admin: Client, term: str, found: bool) -> None:
    make_run(run_id="trio-7", file_name="a.vcf")
    assert ("a.vcf" in admin.get(reverse(RUNS), {"q": term}).content.decode()) is found


def test_a_run_is_found_by_its_key(admin: Client) -> None:
    run = make_run(run_id="x", file_name="a.vcf")
    make_run(run_id="y", file_name="b.vcf")
    page = admin.get(reverse(RUNS), {"q": str(run.pk)}).content.decode()
    assert "a.vcf" in page
    assert "b.vcf" not in page


def test_selected_runs_are_cancelled_and_the_others_counted(admin: Client) -> None:
    running, done = make_running(), make_run(status=Status.SUCCEEDED)
    page = act(admin, "cancel_runs", running, done)
    assert "1 of the runs cancelled." in page
    assert "1 left as they are: The run has already ended" in page
    assert Run.objects.get(pk=running.pk).status == Status.CANCELLED
    assert Run.objects.get(pk=done.pk).status == Status.SUCCEEDED


def test_selected_runs_are_retried_where_their_file_is_still_here(
    admin: Client, broker: list[tuple[str, list[str]]]
) -> None:
    kept, gone = make_run(status=Status.FAILED), make_run(status=Status.FAILED)
    store_input(kept)
    page = act(admin, "retry_runs", kept, gone)
    assert "1 of the runs queued again." in page
    assert Run.objects.get(pk=kept.pk).status == Status.QUEUED
    assert Run.objects.get(pk=gone.pk).status == Status.FAILED
    assert len(broker) == 1


def test_deleting_a_run_removes_its_files(admin: Client) -> None:
    run = make_run()
    store_input(run)
    admin.post(reverse("admin:vcfjobs_run_delete", args=[run.pk]), {"post": "yes"})
    assert not Run.objects.exists()
    assert not workdir.run_folder(run.pk).exists()


def test_deleting_selected_runs_removes_their_files(admin: Client) -> None:
    runs = [make_run(), make_run()]
    for run in runs:
        store_input(run)
    act(admin, "delete_selected", *runs, post="yes")
    assert not Run.objects.exists()
    assert not any(workdir.run_folder(run.pk).exists() for run in runs)


def test_who_may_only_look_can_neither_cancel_nor_retry(client: Client) -> None:
    from django.contrib.auth.models import Permission

    looker = User.objects.create_user("ada", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_run"))
    client.force_login(looker)
    run = make_running()
    act(client, "cancel_runs", run)
    assert Run.objects.get().status == Status.RUNNING


def test_a_result_is_linked_until_it_expires(admin: Client) -> None:
    run = make_run(status=Status.SUCCEEDED, expires=timezone.now() + timedelta(hours=1))
    address = reverse("admin:vcfjobs_run_change", args=[run.pk])
    assert f'href="/runs/{run.pk}/result.vcf.gz"' in admin.get(address).content.decode()
    Run.objects.update(expires=timezone.now())
    assert "result.vcf.gz" not in admin.get(address).content.decode()


def test_a_hostile_file_name_is_text(admin: Client) -> None:
    make_run(file_name="<script>alert(1)</script>")
    assert "<script>alert" not in admin.get(reverse(RUNS)).content.decode()


def test_the_results_of_celery_are_in_the_admin_too(admin: Client) -> None:
    assert "django_celery_results/taskresult/" in admin.get(reverse("admin:index")).content.decode()


@pytest.mark.django_db
def test_alleles_are_shown_and_found_by_their_identifiers_alone(admin_client: Client) -> None:
    sequence = Sequence.objects.create(accession="SQ." + "a" * 32, length=9)
    for letter in "Ab":
        Allele.objects.create(digest=letter * 32, sequence=sequence, start=1, end=2, span=0, literal="C")
    page = admin_client.get("/admin/vcfjobs/allele/").content.decode()
    assert "A" * 32 in page
    assert f"/admin/vcfjobs/allele/{'b' * 32}/change/" in page
    found = admin_client.get(f"/admin/vcfjobs/allele/?q=ga4gh:VA.{'A' * 32}").content.decode()
    assert "A" * 32 in found
    assert "b" * 32 not in found
    assert admin_client.get(f"/admin/vcfjobs/allele/{'b' * 32}/change/").status_code == 200
    assert admin_client.get("/admin/vcfjobs/allele/?q=x").status_code == 200
