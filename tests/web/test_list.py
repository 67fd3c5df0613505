"""The list of runs: order, pages, filter and search."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests.factories import make_run
from tests.web.finished_run import finished
from tests.web.page_text import link, markup
from vcfjobs.models import Status
from vcfjobs.web import runs_page

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_without_a_reference_the_page_says_how_to_register_one(client: Client) -> None:
    page = markup(client.get("/"))
    assert "manage.py load_reference" in page
    assert 'type="file"' not in page


def test_without_runs_the_page_says_how_to_submit_one(client: Client, tiny_assembly: str) -> None:
    page = markup(client.get("/"))
    assert "curl -T sample.vcf.gz" in page
    assert "http://testserver/vcf?run_async=true&amp;assembly=tiny" in page


def test_runs_are_listed_newest_first(client: Client) -> None:
    make_run(file_name="older.vcf", created=timezone.now() - timedelta(hours=3))
    make_run(file_name="newer.vcf")
    page = markup(client.get("/"))
    assert page.index("newer.vcf") < page.index("older.vcf")
    assert ">3 h</time>" in page


@pytest.mark.parametrize("status", Status)
def test_a_status_is_a_word_and_a_shape_and_not_a_colour_alone(client: Client, status: Status) -> None:
    make_run(status=status)
    shown = re.search(r'<span class="status \w+"><svg.*?</svg>(\w+)</span>', markup(client.get("/")))
    assert shown is not None
    assert shown.group(1) == status.label


def test_the_list_takes_the_same_few_queries_whatever_its_length(
    client: Client, tiny_assembly: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(30):
        make_run(report={"a": 1})
    with django_assert_num_queries(2):  # the assemblies, the runs
        client.get("/")


def test_every_run_is_on_exactly_one_page(client: Client) -> None:
    moment = timezone.now()
    made = {
        make_run(created=moment).pk for _ in range(runs_page.PAGE_SIZE + 3)
    }  # equal times: the key decides
    first = client.get("/")
    assert len(first.context["page"].runs) == runs_page.PAGE_SIZE
    second = client.get(link(first, "older"))
    seen = [run.pk for page in (first, second) for run in page.context["page"].runs]
    assert sorted(seen) == sorted(made)
    assert link(second, "older") == ""
    assert client.get(link(second, "newest")).context["page"].runs == first.context["page"].runs


def test_a_full_last_page_offers_no_older_one(client: Client) -> None:
    for _ in range(runs_page.PAGE_SIZE):
        make_run()
    assert 'id="older"' not in markup(client.get("/"))


def test_the_list_is_narrowed_by_status(client: Client) -> None:
    make_run(file_name="good.vcf", status=Status.SUCCEEDED)
    make_run(file_name="bad.vcf", status=Status.FAILED)
    page = markup(client.get("/", {"status": "failed"}))
    assert "bad.vcf" in page
    assert "good.vcf" not in page


@pytest.mark.parametrize("search", ["trio", "COHORT", "key"])
def test_the_list_is_searched_by_run_id_file_name_and_key(client: Client, search: str) -> None:
    run = make_run(run_id="my-trio", file_name="cohort7.vcf")
    make_run(file_name="other.vcf")
    page = markup(client.get("/", {"search": str(run.pk) if search == "key" else search}))
    assert "cohort7.vcf" in page
    assert "other.vcf" not in page


def test_older_runs_keep_the_filter(client: Client) -> None:
    for _ in range(runs_page.PAGE_SIZE + 1):
        make_run(status=Status.FAILED)
    older = link(client.get("/", {"status": "failed"}), "older")
    assert parse_qs(urlsplit(older).query)["status"] == ["failed"]


def test_a_bad_filter_value_is_said_and_not_ignored(client: Client) -> None:
    make_run(file_name="a.vcf")
    response = client.get("/", {"status": "sleeping"})
    assert response.status_code == 422
    assert "sleeping is not one of the available choices" in markup(response)
    assert "a.vcf" not in markup(response)


@pytest.mark.parametrize("before", ["x", "2026-01-01~x", "2026-01-01T00:00:00~" + "0" * 32, "~"])
def test_a_broken_page_key_is_the_first_page(client: Client, before: str) -> None:
    make_run(file_name="a.vcf")
    assert "a.vcf" in markup(client.get("/", {"before": before}))


def test_a_hostile_file_name_is_text(client: Client) -> None:
    run = make_run(file_name='"><script>alert(1)</script>.vcf', run_id="<img src=x>")
    for address in ("/", f"/jobs/{run.pk}/", f"/jobs/{run.pk}/status/", f"/jobs/{run.pk}/delete/"):
        page = markup(client.get(address))
        assert "<script>alert" not in page
        assert "<img" not in page
    assert "&lt;script&gt;alert(1)" in markup(client.get("/"))


@pytest.mark.parametrize("final", [True, False])
def test_the_list_asks_for_itself_only_while_a_run_is_to_change(client: Client, final: bool) -> None:
    make_run(status=Status.FAILED if final else Status.QUEUED)
    assert ("hx-get" in markup(client.get("/"))) is not final


def test_a_list_shows_how_many_records_got_no_identifier(client: Client) -> None:
    finished(records_done=559, records_without_ids=79)
    assert "79 of 559 records without identifiers" in markup(client.get("/"))


@pytest.mark.parametrize("address", ["/jobs", "/jobs/"])
def test_the_address_above_a_runs_page_leads_to_the_list(client: Client, address: str) -> None:
    response = client.get(address, follow=True)
    assert response.redirect_chain[-1] == ("/", 301)
    assert "Annotate a VCF" in markup(response)
