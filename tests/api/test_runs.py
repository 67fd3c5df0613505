"""/runs/: list, detail, failures, cancel, retry, delete."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from tests.factories import make_run, make_running, store_input
from vcfjobs import storage
from vcfjobs.models import Run

pytestmark = pytest.mark.django_db

TOKEN = {"Authorization": "Bearer secret-one"}
OTHER = {"Authorization": "Bearer secret-two"}


def test_the_list_is_newest_first_and_complete_page_by_page(client: Client) -> None:
    made = [str(make_run().pk) for _ in range(7)]
    seen: list[str] = []
    address = "/runs/?page_size=3"
    while address:
        page = client.get(address).json()
        seen += [run["id"] for run in page["results"]]
        make_run()  # comes while somebody pages
        address = page["next"]
    assert seen == made[::-1]


def test_the_list_costs_the_same_whatever_its_length(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(20):
        make_run()
    with django_assert_num_queries(1):
        client.get("/runs/")


@pytest.mark.parametrize(
    "query", ["status=queued", "assembly=tiny", "kind=annotate", "created_after=2020-01-01T00:00:00Z"]
)
def test_a_filter_lets_through_what_it_names(client: Client, query: str) -> None:
    make_run()
    make_run(status="failed", assembly="x", kind="ingest", created="2019-01-01T00:00:00Z")
    assert len(client.get(f"/runs/?{query}").json()["results"]) == 1


@pytest.mark.parametrize("query", ["status=none", "kind=x", "created_after=soon"])
def test_a_bad_filter_is_422(client: Client, query: str) -> None:
    response = client.get(f"/runs/?{query}")
    assert response.status_code == 422
    assert query.split("=")[0] in response.json()["parameters"]


@pytest.mark.parametrize("cursor", ["x", "!!", "bm90aGluZw==", "cD1mb28=", "bz0xO3A9Zm9v"])
def test_a_cursor_of_another_origin_is_422(client: Client, cursor: str) -> None:
    response = client.get("/runs/", {"cursor": cursor})
    assert response.status_code == 422
    assert response.json()["detail"] == "cursor: Not a cursor issued by this service."


def test_a_run_says_how_many_records_got_no_identifier(client: Client) -> None:
    make_run(run_id="all", status="succeeded", records_done=559)
    make_run(run_id="some", status="succeeded", records_done=559, records_without_ids=79)
    listed = {run["run_id"]: run for run in client.get("/runs/").json()["results"]}
    for run_id, number, warning in (("all", 0, ""), ("some", 79, "79 of 559 records without identifiers")):
        for run in (listed[run_id], client.get(f"/runs/{run_id}/").json()):
            assert (run["records_without_ids"], run["warning"]) == (number, warning)


def test_the_detail_says_everything_and_has_an_etag(client: Client, succeeded: Run) -> None:
    response = client.get(f"/runs/{succeeded.run_id}/")
    detail = response.json()
    assert detail["status"] == "succeeded"
    assert detail["report"]["alleles"]["snv"] == 1
    assert detail["links"]["result"] == f"/runs/{succeeded.pk}/result.vcf.gz"
    assert client.get(detail["links"]["records"]).status_code == 200
    assert "traceback" not in detail
    again = client.get(f"/runs/{succeeded.run_id}/", headers={"If-None-Match": response["ETag"]})
    assert again.status_code == 304


def test_failures_are_listed_with_their_reason_and_the_bases_of_file_and_reference(client: Client) -> None:
    report = {
        "failed": {"reference_mismatch": 2},
        "failures": [["chr1", 5, "reference_mismatch"], ["chr1", 6, "reference_mismatch", "G", "T"]],
    }
    run = make_run(report=report)
    answer = client.get(f"/runs/{run.pk}/failures").json()
    assert answer["failed"] == {"reference_mismatch": 2}
    reason = {"chrom": "chr1", "reason": "reference_mismatch"}
    assert answer["failures"] == [
        {**reason, "pos": 5, "ref": "", "reference": ""},  # as kept by an earlier version
        {**reason, "pos": 6, "ref": "G", "reference": "T"},
    ]


def test_cancel_is_202_and_then_409(client: Client) -> None:
    run = make_running()
    first = client.post(f"/runs/{run.pk}/cancel")
    assert (first.status_code, first.json()["status"]) == (202, "cancelled")
    assert client.post(f"/runs/{run.pk}/cancel").status_code == 409


def test_retry_is_202_for_a_failed_run_with_its_file_and_else_409(client: Client, broker: list[Any]) -> None:
    run = make_run(status="failed")
    assert client.post(f"/runs/{run.pk}/retry").status_code == 409
    store_input(run)
    assert client.post(f"/runs/{run.pk}/retry").json()["status"] == "queued"
    assert client.post(f"/runs/{run.pk}/retry").status_code == 409


def test_delete_removes_row_and_files(client: Client) -> None:
    run = make_running()
    store_input(run)
    assert client.delete(f"/runs/{run.pk}/").status_code == 204
    assert not Run.objects.exists()
    assert not storage.run_folder(run.pk).exists()


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("get", "/vcf/{}"),
        ("get", "/runs/{}/"),
        ("delete", "/runs/{}/"),
        ("post", "/runs/{}/cancel"),
        ("post", "/runs/{}/retry"),
        ("get", "/runs/{}/failures"),
        ("get", "/runs/{}/result.vcf"),
        ("get", "/runs/{}/result.vcf.gz"),
        ("get", "/runs/{}/result.vcf.gz.tbi"),
    ],
)
def test_anothers_run_is_404_on_every_verb(
    client: Client, settings: Settings, method: str, address: str
) -> None:
    settings.ANYVAR_AUTH_TOKEN_LIST = ["secret-one", "secret-two"]
    mine = make_run(owner="token:somebody", run_id="named")
    for name in (mine.pk, "named"):
        assert getattr(client, method)(address.format(name), headers=TOKEN).status_code == 404
    assert client.get("/runs/", headers=TOKEN).json()["results"] == []
    mine.refresh_from_db()
    assert mine.status == "queued"


def test_a_token_sees_its_own_runs_alone(
    client: Client, settings: Settings, tiny_assembly: str, broker: list[Any]
) -> None:
    from tests.factories import VCF

    settings.ANYVAR_AUTH_TOKEN_LIST = ["secret-one", "secret-two"]
    address = "/vcf?run_async=1&assembly=tiny"
    assert client.put(address, VCF, content_type="text/plain", headers=TOKEN).status_code == 202
    assert len(client.get("/runs/", headers=TOKEN).json()["results"]) == 1
    assert client.get("/runs/", headers=OTHER).json()["results"] == []
    owner = Run.objects.get().owner
    assert owner.startswith("token:")
    assert "secret" not in owner


def test_staff_sees_everyones_runs(client: Client, settings: Settings) -> None:
    settings.ANYVAR_AUTH_TOKEN_LIST = ["secret-one"]
    make_run(owner="token:x")
    client.force_login(User.objects.create_user("boss", is_staff=True))
    assert len(client.get("/runs/").json()["results"]) == 1
    client.force_login(User.objects.create_user("guest"))
    assert client.get("/runs/").json()["results"] == []


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer"}])
def test_without_a_listed_token_every_call_is_401(
    client: Client, settings: Settings, headers: dict[str, str]
) -> None:
    settings.ANYVAR_AUTH_TOKEN_LIST = ["secret-one"]
    for method, address in (("get", "/runs/"), ("put", "/vcf"), ("get", "/vcf/x")):
        response = getattr(client, method)(address, headers=headers)
        assert response.status_code == 401
        assert response["WWW-Authenticate"] == "Bearer"
        assert response["Content-Type"] == "application/problem+json"


def test_a_session_needs_its_csrf_token_to_change_anything(settings: Settings) -> None:
    settings.ANYVAR_AUTH_TOKEN_LIST = ["secret-one"]
    user = User.objects.create_user("u")
    run = make_run(owner=f"user:{user.pk}")
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(user)
    assert careful.delete(f"/runs/{run.pk}/").status_code == 403
    assert Run.objects.exists()
