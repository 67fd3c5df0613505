"""The admin shows everything, edits nothing, and asks the services for the rest."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin import site
from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_celery_results.models import TaskResult
from pytest_django import DjangoAssertNumQueries, Settings

from tests.factories import make_run, make_running, store_input
from vcfjobs import storage
from vcfjobs.admin import alleles, lists, references, selection
from vcfjobs.models import Allele, Assembly, Contig, Run, RunAlleles, Sequence, Shard, Status, Worker
from vcfjobs.registry import provenance, queries
from vcfjobs.vrs.digests import digest_bytes

pytestmark = [pytest.mark.django_db, pytest.mark.database]

RUNS = "admin:vcfjobs_run_changelist"
ROWS = ("run", "shard", "assembly", "contig", "sequence", "allele", "worker")


@pytest.fixture
def admin(client: Client) -> Client:
    """A signed-in superuser."""
    client.force_login(User.objects.create_superuser("root"))
    return client


def act(admin: Client, action: str, *runs: Run, **more: str) -> str:
    """Do an action with the selected runs; the page that comes of it."""
    form: dict[str, Any] = {"action": action, "_selected_action": [str(run.pk) for run in runs]}
    return admin.post(reverse(RUNS), form | more, follow=True).content.decode()


def answer(admin: Client, question: str) -> str:
    """Say yes to the question that a page asks; the page that comes of it."""
    form = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', question))
    assert form.pop("csrfmiddlewaretoken", "") is not None
    return admin.post(reverse(RUNS), form, follow=True).content.decode()


def staff(client: Client, *permissions: str) -> Client:
    """Signed in as staff with these permissions alone."""
    user = User.objects.create_user("ada", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return client


def run_page(client: Client, run: Run) -> str:
    return client.get(reverse("admin:vcfjobs_run_change", args=[run.pk])).content.decode()


def make_shard(run: Run, number: int, **columns: Any) -> Shard:
    return Shard.objects.create(
        run=run, cut_attempt=1, number=number, start=number, end=number + 1, attempt_limit=3, **columns
    )


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


@pytest.mark.parametrize(("term", "found"), [("mother", True), ("Mother", False), ("other", False)])
def test_runs_are_found_by_the_beginning_of_their_file_name(admin: Client, term: str, found: bool) -> None:
    make_run(run_id="x", file_name="mother.vcf")
    assert ("mother.vcf</td>" in admin.get(reverse(RUNS), {"q": term}).content.decode()) is found


def test_a_long_list_is_counted_and_paged_through_up_to_a_bound(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "MOST_LISTED", 3)
    monkeypatch.setattr(site._registry[Run], "list_per_page", 2)
    runs = [make_run() for _ in range(3)]
    assert re.search(r">\s*3 runs", admin.get(reverse(RUNS)).content.decode())
    make_shard(runs[0], 0)
    make_run()
    with CaptureQueriesContext(connection) as captured:
        page = admin.get(reverse(RUNS)).content.decode()
    assert re.search(r">\s*3\+ runs", page)
    counts = [query["sql"] for query in captured if "COUNT" in query["sql"]]
    assert counts
    assert all("LIMIT 4" in sql for sql in counts)
    assert admin.get(reverse(RUNS), {"p": "2"}).status_code == 200
    assert admin.get(reverse(RUNS), {"p": "3"}).status_code == 302  # there is no such page
    assert "1 shard" in admin.get(reverse("admin:vcfjobs_shard_changelist")).content.decode()


@pytest.mark.parametrize("name", [f"vcfjobs_{row}" for row in ROWS] + ["django_celery_results_taskresult"])
def test_no_list_asks_which_values_occur_or_counts_choices(
    admin: Client, tiny_assembly: str, name: str
) -> None:
    make_run()
    with CaptureQueriesContext(connection) as captured:
        assert admin.get(reverse(f"admin:{name}_changelist"), {"_facets": "True"}).status_code in (200, 302)
        assert admin.get(reverse(f"admin:{name}_changelist")).status_code == 200
    asked = [query["sql"] for query in captured]
    assert not [sql for sql in asked if re.search("DISTINCT|CASE WHEN|FILTER", sql)]


@pytest.mark.parametrize(
    ("narrowed", "shown"),
    [
        ({"assembly": "tiny"}, {"fine", "failed", "lost", "yesterday"}),
        ({"assembly": "other"}, {"other"}),
        ({"status__exact": "running"}, {"lost"}),
        ({"stuck": "lost"}, {"lost"}),
        ({"error_code": "RUN_FAILURE"}, {"failed", "yesterday"}),
        ({"error_code": "RUN_FAILURE", "ended": "day"}, {"failed"}),
        ({"ended": "week"}, {"failed", "fine", "yesterday"}),
        ({"worker": "celery@dead"}, {"lost"}),
        ({"owner": "user:7"}, {"other"}),
    ],
)
def test_runs_are_narrowed(
    admin: Client, tiny_assembly: str, narrowed: dict[str, str], shown: set[str]
) -> None:
    now = timezone.now()
    failed = {"status": Status.FAILED, "error_code": "RUN_FAILURE"}
    make_run(run_id="fine", status=Status.SUCCEEDED, finished=now)
    make_run(run_id="failed", finished=now, **failed)
    make_run(run_id="yesterday", finished=now - timedelta(hours=25), **failed)
    make_running(run_id="lost", lease_until=now - timedelta(seconds=9), worker="celery@dead")
    make_run(run_id="other", assembly="other", owner="user:7")
    page = admin.get(reverse(RUNS), narrowed).content.decode()
    assert set(re.findall(r'/change/[^"]*">(\w+)</a></th>', page)) == shown


def test_the_filter_of_assemblies_offers_those_that_are_registered(admin: Client, tiny_assembly: str) -> None:
    make_run(assembly="gone")
    page = admin.get(reverse(RUNS)).content.decode()
    assert "?assembly=tiny" in page
    assert "?assembly=gone" not in page


@pytest.mark.parametrize("lookup", ["traceback__startswith", "report__failures", "file_name__icontains"])
def test_no_address_narrows_by_what_is_private_or_slow(admin: Client, lookup: str) -> None:
    assert admin.get(reverse(RUNS), {lookup: "x"}).status_code == 400


def test_selected_runs_are_cancelled_once_that_is_confirmed_and_the_others_counted(admin: Client) -> None:
    running, done = make_running(run_id="at-work"), make_run(status=Status.SUCCEEDED)
    question = act(admin, "cancel_runs", running, done)
    assert "Cancel 2 runs?" in question
    assert "at-work" in question
    assert Run.objects.get(pk=running.pk).status == Status.RUNNING
    page = answer(admin, question)
    assert "Runs cancelled: 1." in page
    assert "Runs unchanged: 1. The run has already ended" in page
    assert Run.objects.get(pk=running.pk).status == Status.CANCELLED
    assert Run.objects.get(pk=done.pk).status == Status.SUCCEEDED


def test_selected_runs_are_retried_where_their_file_is_still_here(
    admin: Client, broker: list[tuple[str, list[str]]]
) -> None:
    kept, gone = make_run(status=Status.FAILED), make_run(status=Status.FAILED)
    store_input(kept)
    page = act(admin, "retry_runs", kept, gone)
    assert "Runs queued again: 1." in page
    assert Run.objects.get(pk=kept.pk).status == Status.QUEUED
    assert Run.objects.get(pk=gone.pk).status == Status.FAILED
    assert len(broker) == 1


def test_a_limit_that_refuses_a_retry_is_told_in_its_own_words(admin: Client, settings: Settings) -> None:
    settings.ANYVAR_MAX_QUEUED_RUNS = 1
    make_run()
    failed = make_run(status=Status.FAILED)
    store_input(failed)
    page = act(admin, "retry_runs", failed)
    assert "Runs queued again: 0." in page
    assert "Runs unchanged: 1. Too many runs are queued." in page


def test_deleting_a_run_is_asked_about_and_removes_its_files(admin: Client) -> None:
    run = make_run(run_id="away")
    store_input(run)
    make_shard(run, 0)
    RunAlleles.objects.create(run=run, ordinal=0, digests=b"x" * 24)
    address = reverse("admin:vcfjobs_run_delete", args=[run.pk])
    with CaptureQueriesContext(connection) as captured:
        question = admin.get(address).content.decode()
    assert not [query for query in captured if "runalleles" in query["sql"]]  # they may be gigabytes
    admin.post(address, {"post": "yes"})
    assert Run.objects.exists()
    assert "Delete 1 run?" in question
    assert "Runs deleted: 1." in answer(admin, question)
    assert not Run.objects.exists()
    assert not storage.run_folder(run.pk).exists()


def test_deleting_selected_runs_removes_their_files(admin: Client) -> None:
    runs = [make_run(), make_run()]
    for run in runs:
        store_input(run)
    answer(admin, act(admin, "delete_runs", *runs))
    assert not Run.objects.exists()
    assert not any(storage.run_folder(run.pk).exists() for run in runs)


def test_the_delete_that_gathers_all_that_hangs_on_a_run_is_not_offered(admin: Client) -> None:
    run = make_run()
    act(admin, "delete_selected", run, post="yes")
    assert Run.objects.exists()


def test_what_comes_after_the_question_is_not_deleted_with_the_rest(admin: Client) -> None:
    make_run()
    question = act(admin, "delete_runs", Run.objects.get(), select_across="1")
    late = make_run()
    answer(admin, question)
    assert list(Run.objects.all()) == [late]


def test_a_selection_is_dealt_with_up_to_a_number(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "MOST_AT_ONCE", 2)
    runs = [make_run() for _ in range(3)]
    question = act(admin, "delete_runs", *runs, select_across="1")
    assert "Delete 2 runs?" in question
    assert "at most 2 runs" in question
    assert "Runs deleted: 2." in answer(admin, question)
    assert Run.objects.count() == 1


def test_a_selection_is_dealt_with_up_to_a_time(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [make_run() for _ in range(3)]
    question = act(admin, "cancel_runs", *runs)
    monkeypatch.setattr(selection, "SECONDS", -1.0)
    page = answer(admin, question)
    assert "Runs cancelled: 0." in page
    assert "Runs not reached within the time of one request: 3." in page
    assert set(Run.objects.values_list("status", flat=True)) == {Status.QUEUED}


def test_a_thousand_runs_fit_into_one_question(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "SECONDS", 300.0)
    runs = Run.objects.bulk_create(Run(run_id=str(number), assembly="tiny") for number in range(1000))
    assert "Runs deleted: 1,000." in answer(admin, act(admin, "delete_runs", runs[0], select_across="1"))
    assert not Run.objects.exists()


def test_who_did_what_is_written_down_and_what_was_refused_is_not(
    admin: Client, broker: list[tuple[str, list[str]]]
) -> None:
    failed, waiting, done = make_run(status=Status.FAILED), make_run(), make_run(status=Status.SUCCEEDED)
    store_input(failed)
    act(admin, "retry_runs", failed, done)
    answer(admin, act(admin, "cancel_runs", waiting, done))
    answer(admin, act(admin, "delete_runs", done))
    entries = LogEntry.objects.order_by("pk").values_list("user__username", "object_id", "action_flag")
    assert list(entries) == [
        ("root", str(failed.pk), CHANGE),
        ("root", str(waiting.pk), CHANGE),
        ("root", str(done.pk), DELETION),
    ]
    page = admin.get(reverse("admin:admin_logentry_changelist"), {"q": str(failed.pk)}).content.decode()
    assert "Queued again." in page
    assert str(waiting.pk) not in page
    assert "Cancelled." in admin.get(reverse("admin:vcfjobs_run_history", args=[waiting.pk])).content.decode()


@pytest.mark.parametrize(
    ("permissions", "allowed"),
    [
        (["view_run"], set()),
        (["view_run", "change_run"], {"cancel_runs", "retry_runs"}),
        (["view_run", "delete_run"], {"delete_runs"}),
    ],
)
def test_who_may_only_look_cannot_act_and_who_may_change_cannot_delete(
    client: Client, broker: list[tuple[str, list[str]]], permissions: list[str], allowed: set[str]
) -> None:
    staff(client, *permissions)
    done = set()
    for action in ("cancel_runs", "retry_runs", "delete_runs"):
        run = make_running() if action == "cancel_runs" else make_run(status=Status.FAILED)
        store_input(run)
        page = act(client, action, run)
        answer(client, page) if "confirmed" in page else None
        # Without the question too: its answer can be forged.
        act(client, action, run, confirmed="yes", runs=str(run.pk))
        now = Run.objects.filter(pk=run.pk).first()
        done |= {action} if now is None or now.status != run.status else set()
    assert done == allowed
    deletable = make_run()
    deleted = client.get(reverse("admin:vcfjobs_run_delete", args=[deletable.pk]))
    assert deleted.status_code == (200 if "delete_runs" in allowed else 403)


@pytest.mark.parametrize(
    ("status", "commands"),
    [("running", {"cancel_runs"}), ("failed", {"retry_runs"}), ("succeeded", set())],
)
def test_the_page_of_a_run_offers_what_its_status_allows(
    admin: Client, client: Client, status: str, commands: set[str]
) -> None:
    run = make_run(status=status)
    assert set(re.findall(r'name="action" value="(\w+)"', run_page(admin, run))) == commands
    assert 'name="action"' not in run_page(staff(client, "view_run"), run)


def test_the_traceback_is_for_who_may_view_tracebacks(admin: Client, client: Client) -> None:
    run = make_run(status=Status.FAILED, traceback="KeyError: 'patient-7'")
    assert "KeyError" in run_page(admin, run)
    assert "KeyError" not in run_page(staff(client, "view_run", "change_run", "delete_run"), run)
    User.objects.get(username="ada").user_permissions.add(
        Permission.objects.get(codename="view_run_traceback")
    )
    assert "KeyError" in run_page(client, run)


def test_no_place_and_no_name_of_a_record_is_shown(admin: Client) -> None:
    report = {
        "records": 7,
        "alleles": {"snv": 5},
        "failures": [["chrSECRET", 12345, "wrong_ref"]],
        "unknown_contigs": {"chrSECRET": 1},
        "positions": {"chrSECRET": {"3": 1}},
    }
    run = make_run(status=Status.SUCCEEDED, report=report)
    shard = make_shard(run, 0, report=report)
    page = run_page(admin, run)
    assert "&quot;snv&quot;: 5" in page
    assert "chrSECRET" not in page
    assert (
        "chrSECRET" not in admin.get(reverse("admin:vcfjobs_shard_change", args=[shard.pk])).content.decode()
    )


def test_a_run_that_was_cut_leads_to_its_shards(admin: Client) -> None:
    run, other = make_running(shard_count=2), make_running(shard_count=1)
    make_shard(run, 0)
    make_shard(run, 1)
    make_shard(other, 0)
    (address,) = re.findall(r'href="([^"]*shard/[?][^"]*)"', run_page(admin, run))
    assert "2 shards" in admin.get(address).content.decode()
    assert (
        "2 shards"
        in admin.get(reverse("admin:vcfjobs_shard_changelist"), {"q": str(run.pk)}).content.decode()
    )


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


def make_allele(**columns: Any) -> Allele:
    """A registered substitution on a sequence of its own, its digest the right one."""
    sequence, _ = Sequence.objects.get_or_create(accession="SQ." + "a" * 32, length=9)
    values: dict[str, Any] = {"sequence": sequence, "start": 1, "end": 2, "span": 0, "literal": "C"}
    allele = Allele(**(values | columns))
    allele.digest = allele.digest or str(allele.to_vrs()["digest"])
    allele.save(force_insert=True)
    return allele


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
    monkeypatch.setattr(provenance, "BATCHES_AT_ONCE", 1)
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


def test_no_page_holds_what_the_content_security_policy_refuses(admin: Client, tiny_assembly: str) -> None:
    run = make_running(shard_count=1, traceback="x")
    pages = {
        "index": [],
        "vcfjobs_dashboard": [],
        "vcfjobs_run_change": [run.pk],
        "vcfjobs_run_delete": [run.pk],
    }
    pages |= {"vcfjobs_shard_change": [make_shard(run, 0).pk], "vcfjobs_allele_change": [make_allele().pk]}
    pages |= {"vcfjobs_assembly_change": [Assembly.objects.get().pk], "vcfjobs_run_history": [run.pk]}
    pages |= {f"vcfjobs_{name}_changelist": [] for name in ROWS}
    pages |= {"admin_logentry_changelist": [], "django_celery_results_taskresult_changelist": []}
    for name, args in pages.items():
        response = admin.get(reverse(f"admin:{name}", args=args))
        assert response.status_code == 200, name
        text = response.content.decode()
        assert not re.search(r"<style|<[^>]+\sstyle=|<[^>]+\son\w+=|javascript:", text), name
        assert all(
            "src=" in tag or "application/json" in tag for tag in re.findall(r"<script[^>]*>", text)
        ), name
        assert "default-src 'self'" in response["Content-Security-Policy"]


def test_results_of_celery_keep_their_traceback_from_who_may_not_view_it(
    admin: Client, client: Client
) -> None:
    row = TaskResult.objects.create(task_id="t-1", traceback="KeyError: 'patient-7'", task_name="annotate")
    address = reverse("admin:django_celery_results_taskresult_change", args=[row.pk])
    assert "KeyError" in admin.get(address).content.decode()
    assert "KeyError" not in staff(client, "view_taskresult").get(address).content.decode()


def test_workers_are_listed_with_whether_they_live(admin: Client) -> None:
    now = timezone.now()
    for name, seen in (("celery@quick", now), ("celery@dead", now - timedelta(minutes=5))):
        Worker.objects.create(
            node=name, host="h", pid=7, version="0.1.0", concurrency=2, started=now, seen=seen
        )
    page = admin.get(reverse("admin:vcfjobs_worker_changelist")).content.decode()
    assert re.findall(r'alt="(True|False)"', page) == ["True", "False"]


def hold(run: Run, allele: Allele) -> None:
    """Note that a run held an allele, beside another."""
    digests = b"\0" * 24 + digest_bytes(allele.pk)
    RunAlleles.objects.create(run=run, ordinal=0, digests=digests)
