"""Lists: bounded, searched and filtered by indexes, and no page breaks the content security policy."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin import site
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests.admin.operator import ROWS, RUNS, make_allele, make_shard
from tests.factories import make_run, make_running
from vcfjobs.admin import lists
from vcfjobs.models import Assembly, Run, Status

pytestmark = [pytest.mark.django_db, pytest.mark.database]


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


def test_a_hostile_file_name_is_text(admin: Client) -> None:
    make_run(file_name="<script>alert(1)</script>")
    assert "<script>alert" not in admin.get(reverse(RUNS)).content.decode()


def test_no_page_holds_what_the_content_security_policy_refuses(admin: Client, tiny_assembly: str) -> None:
    run = make_running(shard_count=1, traceback="x")
    pages: dict[str, list[Any]] = {
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


def test_a_list_shows_records_without_identifiers_and_times_in_utc(admin: Client) -> None:
    created = datetime(2026, 11, 29, 13, 5, tzinfo=UTC)
    make_run(status=Status.SUCCEEDED, records_done=559, records_without_ids=79, created=created)
    page = admin.get(reverse(RUNS)).content.decode()
    assert "Succeeded, 79 of 559 records without identifiers" in page
    assert "2026-11-29 13:05:00 UTC" in page
