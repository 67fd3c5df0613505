"""The list of runs while they change, and its search where there are many."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests.factories import make_run, make_running
from tests.web.page_text import link, words
from vcfjobs.models import Run, Status
from vcfjobs.web import runs_page

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def asked_for(response: Any) -> list[str] | None:
    """The keys of the runs that the answer will ask for again; None when it asks for nothing."""
    found = re.search(r'hx-get="(/active/[^"]*)"', words(response))
    return parse_qs(urlsplit(found.group(1)).query)["run"] if found else None


def follow(client: Client, *runs: Run) -> Any:
    """What the list's own question for these runs is answered."""
    return client.get("/active/", {"run": [str(run.pk) for run in runs]}, headers={"HX-Request": "true"})


# --- while runs change -------------------------------------------------------------------------


def test_the_list_asks_once_for_all_runs_that_are_to_change_and_for_no_other(client: Client) -> None:
    active = [make_run(), make_running()]
    make_run(status=Status.SUCCEEDED)
    page = client.get("/")
    assert sorted(asked_for(page) or []) == sorted(str(run.pk) for run in active)
    assert words(page).count("hx-get") == 1


def test_an_answer_changes_the_cells_that_can_change_and_asks_again(client: Client) -> None:
    run = make_running(records_done=1234, input_bytes=100, bytes_done=50)
    response = follow(client, run)
    page = words(response)
    assert re.search(rf'<td id="status-{run.pk}" hx-swap-oob="true">.*Running.*value="0.5000"', page)
    assert re.search(rf'<td id="records-{run.pk}"[^>]*hx-swap-oob="true">1234</td>', page)
    assert asked_for(response) == [str(run.pk)]
    assert "<a" not in page  # a link in a row keeps the focus, for it is never replaced


def test_a_run_that_has_ended_is_asked_for_no_more(client: Client) -> None:
    ended, going_on = make_run(status=Status.SUCCEEDED, file_name="done.vcf"), make_running()
    response = follow(client, ended, going_on)
    assert asked_for(response) == [str(going_on.pk)]
    assert f'id="result-{ended.pk}"' in words(response)
    assert re.search(r'id="announce"[^>]*>done.vcf: Succeeded. <', words(response))


def test_when_all_have_ended_nothing_is_asked_for_any_more(client: Client) -> None:
    response = follow(client, make_run(status=Status.FAILED), make_run(status=Status.CANCELLED))
    assert asked_for(response) is None
    assert '<div id="active"></div>' in words(response)


def test_a_run_that_goes_on_is_not_announced(client: Client) -> None:
    assert "announce" not in words(follow(client, make_running()))


def test_a_run_that_was_deleted_says_so_and_is_asked_for_no_more(client: Client) -> None:
    run = make_run()
    Run.objects.all().delete()
    response = follow(client, run)
    assert asked_for(response) is None
    assert re.search(rf'<td id="status-{run.pk}" hx-swap-oob="true">.*Deleted', words(response))


def test_anothers_run_looks_as_if_it_were_not_there(client: Client, closed: None) -> None:
    ada = User.objects.create_user("ada")
    hers, other = make_running(owner=f"user:{ada.pk}"), make_running(owner="user:999999")
    client.force_login(ada)
    assert asked_for(follow(client, hers, other)) == [str(hers.pk)]
    assert "Deleted" in words(follow(client, other))
    client.force_login(User.objects.create_user("eve", is_staff=True))
    assert len(asked_for(follow(client, hers, other)) or []) == 2


def test_a_list_whose_login_is_over_is_sent_to_the_login_as_a_whole(client: Client, closed: None) -> None:
    assert follow(client, make_run())["HX-Redirect"] == "/login/"


@pytest.mark.parametrize("query", ["", "?run=x", "?run=%00&run=", "?other=1"])
def test_a_question_for_nothing_is_answered_with_nothing(client: Client, query: str) -> None:
    make_run()
    response = client.get(f"/active/{query}")
    assert (response.status_code, asked_for(response)) == (200, None)


def test_no_more_than_a_page_of_runs_is_answered(client: Client) -> None:
    runs = [make_run() for _ in range(runs_page.PAGE_SIZE + 3)]
    assert len(asked_for(follow(client, *runs)) or []) == runs_page.PAGE_SIZE


def test_an_answer_takes_one_query_whatever_it_holds(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    runs = [make_run(report={"a": 1}) for _ in range(20)]
    with django_assert_num_queries(1):
        follow(client, *runs)


def test_the_question_can_be_put_without_htmx_too(client: Client) -> None:
    assert client.get("/active/", {"run": str(make_run().pk)}).status_code == 200
    assert client.post("/active/").status_code == 405


# --- the search --------------------------------------------------------------------------------


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """Five runs an hour apart, the oldest first, of which a search goes through the newest three."""
    monkeypatch.setattr(runs_page, "SEARCHED", 3)
    now = timezone.now()
    return [
        make_run(run_id=f"trio-{age}", file_name="cohort.vcf", created=now - timedelta(hours=age))
        for age in (4, 3, 2, 1, 0)
    ]


def found(client: Client, **query: str) -> list[str]:
    """The run ids that the list shows."""
    return [run.run_id for run in client.get("/", query).context["page"].runs]


def test_a_search_goes_through_the_newest_runs_and_says_so(client: Client, many: list[Run]) -> None:
    assert found(client, search="cohort") == ["trio-0", "trio-1", "trio-2"]
    assert "Searched the newest 3 runs." in words(client.get("/", {"search": "cohort"}))


def test_a_run_of_any_age_is_found_by_its_whole_name_or_key(client: Client, many: list[Run]) -> None:
    assert found(client, search="trio-4") == ["trio-4"]
    assert found(client, search=str(many[0].pk)) == ["trio-4"]
    assert found(client, search="trio-4", status="failed") == []


def test_a_whole_name_does_not_hide_the_others_that_hold_it(client: Client, many: list[Run]) -> None:
    make_run(run_id="trio-4-again")
    assert found(client, search="trio-4") == ["trio-4-again", "trio-4"]


def test_a_search_through_all_there_is_says_nothing_of_a_bound(client: Client) -> None:
    make_run(run_id="trio")
    page = words(client.get("/", {"search": "trio"}))
    assert "Searched:" not in page


def test_every_run_that_a_search_finds_is_on_exactly_one_page(client: Client) -> None:
    made = {make_run(file_name="a.vcf").run_id for _ in range(runs_page.PAGE_SIZE + 3)}
    first = client.get("/", {"search": "a.vcf"})
    second = client.get(link(first, "older"))
    seen = [run.run_id for page in (first, second) for run in page.context["page"].runs]
    assert sorted(seen) == sorted(made)


def test_a_search_is_among_the_callers_own_runs(client: Client, closed: None) -> None:
    ada = User.objects.create_user("ada")
    make_run(owner="user:999999", run_id="trio")
    client.force_login(ada)
    assert found(client, search="trio") == []
    assert found(client, search=str(Run.objects.get().pk)) == []


def test_a_search_takes_three_queries_more_than_the_list(
    client: Client, many: list[Run], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(4):  # the assemblies, the bound, the runs that hold it, those called so
        client.get("/", {"search": "trio"})
