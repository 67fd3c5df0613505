"""The service at a glance: the figures are those of the rows and lead to lists; nothing holds the page up."""

from __future__ import annotations

import re
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from tests.factories import make_run, make_running
from vcfjobs.database.row_counts import Precision, Tally, estimate, tally
from vcfjobs.models import Allele, Run, Sequence, Shard, Status, Worker
from vcfjobs.monitoring import overview
from vcfjobs.registry import queries
from vcfjobs.templatetags.figures import counted
from vcfjobs.worker import dispatch, maintenance

pytestmark = [pytest.mark.django_db, pytest.mark.database]

DASHBOARD = "admin:vcfjobs_dashboard"
NEVER = timedelta(seconds=-1)


@pytest.fixture(autouse=True)
def _broker_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "waiting", lambda: 3)


@pytest.fixture
def root(client: Client) -> Client:
    """A signed-in superuser."""
    client.force_login(User.objects.create_superuser("root"))
    return client


def dashboard(client: Client) -> str:
    response = client.get(reverse(DASHBOARD))
    assert response.status_code == 200
    return response.content.decode()


def make_worker(node: str, **columns: Any) -> Worker:
    now = timezone.now()
    values = {"host": "h", "pid": 7, "version": "0.1.0", "concurrency": 2, "started": now, "seen": now}
    return Worker.objects.create(node=node, **(values | columns))


def make_shard(run: Run, number: int, **columns: Any) -> Shard:
    return Shard.objects.create(
        run=run, cut_attempt=1, number=number, start=number, end=number + 1, attempt_limit=3, **columns
    )


def figures_in(page: str) -> dict[str, str]:
    """The text of each link by its address."""
    return {
        address.replace("&amp;", "&"): text
        for address, text in re.findall(r'<a href="([^"]+)">([^<]*)</a>', page)
    }


def test_runs_are_counted_by_status_and_by_what_ended_lately() -> None:
    now = timezone.now()
    make_run()
    make_running()
    make_run(status=Status.SUCCEEDED, finished=now)
    make_run(status=Status.SUCCEEDED, finished=now - timedelta(hours=25))
    make_run(status=Status.FAILED, finished=now)
    rows = [(status.value, runs.number, ended) for status, runs, ended in overview.overview().statuses]
    assert rows == [
        ("queued", 1, None),
        ("running", 1, None),
        ("succeeded", 2, 1),
        ("failed", 1, 1),
        ("cancelled", 0, 0),
    ]


def test_each_way_to_be_stuck_is_counted_and_leads_to_just_those(root: Client) -> None:
    now = timezone.now()
    make_running(run_id="lost", lease_until=now + NEVER, deadline=now + NEVER)
    make_running(run_id="overdue", deadline=now + NEVER)
    make_run(run_id="unsent")
    make_run(run_id="waiting", sent=now, created=now - timedelta(minutes=31))
    make_run(run_id="fine", sent=now)
    fine = make_running(run_id="cut", lease_until=None, shard_count=3)
    make_shard(fine, 0, status=Status.RUNNING, lease_until=now + NEVER)
    make_shard(fine, 1, status=Status.RUNNING, lease_until=now - NEVER * 60, sent=now)
    make_shard(fine, 2)
    links = figures_in(dashboard(root))
    runs, shards = reverse("admin:vcfjobs_run_changelist"), reverse("admin:vcfjobs_shard_changelist")
    for way in ("lost", "overdue", "unsent", "waiting"):
        assert links[f"{runs}?stuck={way}"] == "1"
        page = root.get(f"{runs}?stuck={way}").content.decode()
        assert re.findall(r'/change/[^"]*">(\w+)</a></th>', page) == [way]
    assert [links[f"{shards}?stuck={way}"] for way in ("lost", "overdue", "unsent")] == ["1", "0", "1"]
    assert "1 shard" in root.get(f"{shards}?stuck=lost").content.decode()


def test_what_a_sweep_has_dealt_with_is_stuck_no_more(broker: list[tuple[str, list[str]]]) -> None:
    now = timezone.now()
    make_running(lease_until=now + NEVER)
    make_running(deadline=now + NEVER)
    make_run()
    assert [runs.number for _, runs, _ in overview.overview().stuck] == [1, 1, 1, 0]
    maintenance.sweep()
    assert [runs.number for _, runs, _ in overview.overview().stuck] == [0, 0, 0, 0]


def test_what_failed_in_the_last_day_is_counted_by_error_code_and_linked(root: Client) -> None:
    now = timezone.now()
    for code, ended in (
        ("RUN_FAILURE", 1),
        ("RUN_FAILURE", 2),
        ("WORKER_LOST_ERROR", 3),
        ("RUN_FAILURE", 25),
    ):
        make_run(status=Status.FAILED, error_code=code, finished=now - timedelta(hours=ended))
    assert overview.overview().failing == [("RUN_FAILURE", 2), ("WORKER_LOST_ERROR", 1)]
    (address,) = (link for link in figures_in(dashboard(root)) if "error_code=RUN_FAILURE" in link)
    assert "2 runs" in root.get(address).content.decode()


def test_the_queue_is_its_length_its_age_and_the_brokers_messages() -> None:
    found = overview.overview()
    assert (found.queued, found.oldest_seconds, found.messages) == (0, None, 3)
    make_run(created=timezone.now() - timedelta(seconds=100))
    make_run()
    make_running(created=timezone.now() - timedelta(seconds=5000))
    found = overview.overview()
    assert found.queued == 2
    assert found.oldest_seconds == pytest.approx(100, abs=20)


def test_a_broker_that_hangs_does_not_hold_the_page_up(
    root: Client, hung_broker: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "BROKER_SECONDS", 0.3)
    began = time.monotonic()
    assert "no answer within two seconds" in dashboard(root)
    assert "no answer within two seconds" in dashboard(root)
    assert time.monotonic() - began < 10
    assert [thread.name for thread in threading.enumerate()].count("broker-messages") == 1


def test_workers_are_shown_with_what_they_hold_and_those_that_are_silent(root: Client) -> None:
    now = timezone.now()
    make_worker("celery@busy")
    make_worker("celery@idle", seen=now - timedelta(seconds=20))
    make_worker("celery@dead", seen=now - timedelta(minutes=10))
    run = make_running(worker="celery@busy")
    make_shard(run, 0, status=Status.RUNNING, worker="celery@busy", lease_until=now)
    make_run(status=Status.SUCCEEDED, worker="celery@busy")
    make_running(worker="web")
    found = overview.overview()
    assert [(worker.node, held, worker.is_silent) for worker, held in found.workers] == [
        ("celery@busy", 2, False),
        ("celery@idle", 0, False),
        ("celery@dead", 0, True),
    ]
    assert found.leased_by_others == 1
    page = dashboard(root)
    assert "10 min ago: silent" in page
    assert page.count("silent</td>") == 1


def test_a_service_without_a_worker_says_so(root: Client) -> None:
    assert "No worker is running" in dashboard(root)


def test_the_oldest_of_very_many_workers_are_counted_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "WORKERS_SHOWN", 2)
    for number in range(3):
        make_worker(f"celery@{number}", seen=timezone.now() - timedelta(seconds=number))
    found = overview.overview()
    assert [worker.node for worker, _ in found.workers] == ["celery@0", "celery@1"]
    assert found.more_workers == 1


def test_disk_and_database_are_measured_and_a_folder_that_is_gone_is_told(
    root: Client, settings: Settings, tiny_assembly: str
) -> None:
    make_run(input_bytes=500)
    work, sequences = overview.overview().disks
    assert (work.used, sequences.used) == (500, 480)
    assert work.free
    assert work.total
    assert work.free <= work.total
    assert overview.overview().database_bytes > 10_000
    settings.ANYVAR_VCF_ASYNC_WORK_DIR = settings.ANYVAR_VCF_ASYNC_WORK_DIR / "nowhere"
    assert overview.overview().disks[0].free is None
    assert "not there" in dashboard(root)


def test_references_and_the_registry_are_told(root: Client, tiny_assembly: str) -> None:
    found = overview.overview()
    assert [(assembly.name, contigs) for assembly, contigs in found.assemblies] == [("tiny", 2)]
    assert found.alleles == 0
    assert ">tiny</a>" in dashboard(root)


def test_the_page_takes_as_many_queries_however_many_rows_there_are(root: Client) -> None:
    def queries() -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            dashboard(root)
        return [query["sql"] for query in captured]

    make_worker("celery@first")
    make_running()
    dashboard(root)
    before = len(queries())
    assert before <= 32
    for number in range(12):
        make_worker(f"celery@{number}")
        make_shard(make_running(worker=f"celery@{number}"), 0)
        make_run(status=Status.FAILED, error_code="RUN_FAILURE", finished=timezone.now())
        make_run()
    assert len(queries()) == before


def test_the_page_counts_neither_all_alleles_nor_all_runs(
    root: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "COUNTED", 1)
    sequence = Sequence.objects.create(accession="SQ." + "a" * 32, length=9)
    Allele.objects.create(digest="A" * 32, sequence=sequence, start=1, end=2, span=0, literal="C")
    with CaptureQueriesContext(connection) as captured:
        dashboard(root)
    counts = [query["sql"] for query in captured if "COUNT(*)" in query["sql"]]
    assert not [sql for sql in counts if "vcfjobs_allele" in sql and "LIMIT" not in sql]
    bounded = re.compile(r"LIMIT|IN \('queued', 'running'\)|\"finished\" >=|\"status\" = 'running'")
    assert not [sql for sql in counts if "vcfjobs_run" in sql and not bounded.search(sql)]


def test_a_tally_is_exact_up_to_its_bound_and_no_further() -> None:
    for _ in range(4):
        make_run()
    runs = Run.objects.all()
    assert tally(runs, 4) == Tally(4)
    beyond = tally(runs, 3)
    assert beyond.number >= 3
    assert beyond.precision is (Precision.OVER if estimate(runs) is None else beyond.precision)
    assert beyond.precision is not Precision.EXACT


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (Tally(12_345), '12<span class="k">345</span>'),
        (Tally(936_412, Precision.ABOUT), 'about 936<span class="k">000</span>'),
        (Tally(45, Precision.ABOUT), "about 45"),
        (Tally(10_000, Precision.OVER), 'more than 10<span class="k">000</span>'),
    ],
)
def test_a_tally_says_how_far_it_is_to_be_trusted(given: Tally, said: str) -> None:
    assert counted(given) == said


@pytest.mark.parametrize(("permission", "status"), [("view_run", 200), ("view_shard", 403)])
def test_staff_sees_it_who_may_view_runs(client: Client, permission: str, status: int) -> None:
    user = User.objects.create_user("ada", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename=permission))
    client.force_login(user)
    assert client.get(reverse(DASHBOARD)).status_code == status
    linked = reverse(DASHBOARD) in client.get(reverse("admin:index")).content.decode()
    assert linked is (status == 200)


@pytest.mark.parametrize("signed_in", [True, False])
def test_nobody_else_sees_it(client: Client, signed_in: bool) -> None:
    if signed_in:
        user = User.objects.create_user("ada")
        user.user_permissions.add(Permission.objects.get(codename="view_run"))
        client.force_login(user)
    response = client.get(reverse(DASHBOARD))
    assert (response.status_code, response["Location"].split("?")[0]) == (302, reverse("admin:login"))
