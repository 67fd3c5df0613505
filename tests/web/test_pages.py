"""The pages: what a browser without JavaScript gets, and who sees which runs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from tests.factories import VCF, make_run, make_running, store_input
from tests.web.page_text import markup
from vcfjobs import storage
from vcfjobs.models import Run, Status
from vcfjobs.vrs.vcf.report import Report
from vcfjobs.web import runs_page

pytestmark = [pytest.mark.django_db, pytest.mark.database]

OTHER_REF = VCF.replace(b"\tA\t", b"\tT\t").replace(b"\tAGC\t", b"\tTTT\t")

Post = Callable[..., Any]


@pytest.fixture
def post(client: Client, tiny_assembly: str, broker: object) -> Post:
    """Send the upload form as a browser would."""

    def call(content: bytes = VCF, name: str = "sample.vcf", **fields: str) -> Any:
        file = SimpleUploadedFile(name, content)
        form = {"vcf": file, "assembly": "tiny", "for_ref": "on", "whole": "1"} | fields
        return client.post("/", {key: value for key, value in form.items() if value})

    return call


@pytest.fixture
def closed(settings: Settings) -> None:
    """The service asks who is calling."""
    settings.ANYVAR_AUTH_TOKEN_LIST = ["secret"]


def finished(**columns: Any) -> Run:
    """A run that succeeded, with a report of one allele of each kind and one failure."""
    report = Report(records=3)
    report.alleles.update(snv=2, insertion=1)
    report.count_indel("insertion", 60)
    report.count_indel("deletion", 3)
    report.count_failure("<i>chr1", 1234567, "reference_mismatch")
    report.count_unknown("chrUn<b>")
    report.count_positions("chr1", [0, 5, 3_000_000])
    now = timezone.now()
    values = {
        "status": Status.SUCCEEDED,
        "attempt": 1,
        "started": now,
        "finished": now + timedelta(seconds=2),
        "records_done": 3,
        "result_bytes": 10,
        "result_text_bytes": 20,
        "report": json.loads(json.dumps(report.to_json())),
        "expires": now + timedelta(hours=1),
    }
    return make_run(**(values | columns))


# --- the list ----------------------------------------------------------------------------------


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
    second = client.get("/?" + first.context["page"].older)
    seen = [run.pk for page in (first, second) for run in page.context["page"].runs]
    assert sorted(seen) == sorted(made)
    assert second.context["page"].older == ""


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
    older = client.get("/", {"status": "failed"}).context["page"].older
    assert parse_qs(older)["status"] == ["failed"]


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


# --- the form ----------------------------------------------------------------------------------


def test_the_form_submits_a_run_and_leads_to_its_page(post: Post) -> None:
    response = post(name="trio.vcf", run_id="mine")
    run = Run.objects.get()
    assert (response.status_code, response["Location"]) == (302, f"/jobs/{run.pk}/")
    assert (run.run_id, run.file_name, run.status, run.owner) == ("mine", "trio.vcf", Status.QUEUED, "")
    assert storage.input_path(run.pk).read_bytes() == VCF


def test_an_option_that_is_not_ticked_is_off(post: Post) -> None:
    post(add_vrs_attributes="on")
    run = Run.objects.get()
    assert (run.for_ref, run.add_vrs_attributes, run.register) == (True, True, False)


def test_the_same_submit_again_leads_to_the_same_run(post: Post, client: Client) -> None:
    first = post(run_id="mine")
    again = post(run_id="mine")
    assert again["Location"] == first["Location"]
    assert "already submitted this file" in markup(client.get(again["Location"]))


@pytest.mark.parametrize(
    ("change", "status", "sentence", "field"),
    [
        ({"content": b"hello\n"}, 400, "VCF", "vcf"),
        ({"content": b""}, 400, "The file is empty.", "vcf"),
        ({"vcf": ""}, 400, "Choose a VCF file.", "vcf"),
        ({"assembly": "GRCh99"}, 422, "GRCh99 is not a registered assembly.", "assembly"),
        ({"run_id": "a/b"}, 422, "run_id must be", "run_id"),
        (
            {"content": VCF.replace(b"\tA\t", b"\tT\t").replace(b"\tAGC\t", b"\tTTT\t")},
            422,
            "REF bases",
            "assembly",
        ),
        ({"whole": ""}, 400, "The upload was interrupted.", "__all__"),
    ],
    ids=["no VCF", "empty", "no file", "assembly", "run id", "wrong reference", "cut"],
)
def test_what_is_wrong_is_a_sentence_at_its_field(
    post: Post, change: dict[str, Any], status: int, sentence: str, field: str
) -> None:
    response = post(**change)
    assert response.status_code == status
    assert sentence in " ".join(response.context["form"].errors[field])
    assert not Run.objects.exists()
    del response
    assert list(storage.spool().iterdir()) == []


def test_a_run_id_in_use_is_said_at_the_run_id(post: Post) -> None:
    post(run_id="mine")
    response = post(VCF + b"chr1\t2\t.\tC\tT\t.\t.\t.\n", run_id="mine")
    assert response.status_code == 400
    assert "An existing run with id mine is PENDING" in response.context["form"].errors["run_id"][0]


def test_what_was_typed_is_still_there_after_an_error(post: Post) -> None:
    page = markup(post(content=b"hello\n", run_id="mine", add_vrs_attributes="on"))
    assert 'value="mine"' in page
    assert re.search(r'name="add_vrs_attributes"[^>]* checked', page)


def test_a_file_above_the_limit_is_refused_and_nothing_stays(post: Post, settings: Settings) -> None:
    settings.ANYVAR_MAX_UPLOAD_BYTES = 10
    response = post()
    assert response.status_code == 413
    assert "larger than the limit of 10 bytes" in markup(response)
    assert list(storage.spool().iterdir()) == []


def test_a_submit_without_any_reference_is_refused(client: Client) -> None:
    response = client.post("/", {"vcf": SimpleUploadedFile("a.vcf", VCF), "whole": "1"})
    assert response.status_code == 503
    assert "No reference assembly is registered" in markup(response)


@pytest.mark.parametrize("address", ["/", "/jobs/{}/cancel/", "/jobs/{}/retry/", "/jobs/{}/delete/"])
def test_a_form_from_another_site_is_refused(address: str) -> None:
    run = make_run()
    response = Client(enforce_csrf_checks=True).post(address.format(run.pk))
    assert response.status_code == 403
    assert Run.objects.get() == run
    assert Run.objects.get().status == Status.QUEUED


def test_the_form_of_the_page_passes_the_check(tiny_assembly: str, broker: object) -> None:
    browser = Client(enforce_csrf_checks=True)
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', markup(browser.get("/")))
    assert token is not None
    form = {"csrfmiddlewaretoken": token.group(1), "assembly": "tiny", "whole": "1"}
    assert browser.post("/", form | {"vcf": SimpleUploadedFile("a.vcf", VCF)}).status_code == 302


def test_pages_carry_neither_inline_script_nor_inline_style(client: Client, tiny_assembly: str) -> None:
    run = finished()
    for address in ("/", f"/jobs/{run.pk}/", f"/jobs/{make_running().pk}/"):
        response = client.get(address)
        page = markup(response)
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]* src=)", page)
        assert not re.search(r'(?:src|href)="(?:https?:)?//', page)
        assert "default-src 'self'" in response["Content-Security-Policy"]


# --- one run -----------------------------------------------------------------------------------


def test_a_running_run_shows_its_progress_and_asks_for_itself(client: Client) -> None:
    run = make_running(
        input_bytes=100, bytes_done=25, records_done=1234567, started=timezone.now() - timedelta(seconds=60)
    )
    page = markup(client.get(f"/jobs/{run.pk}/"))
    assert 'value="0.2500"' in page
    assert "25 %" in page
    assert "about 3 min left" in page
    assert "1234567" in page
    assert f'hx-get="/jobs/{run.pk}/status/?seen=running"' in page


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED, Status.CANCELLED])
def test_the_part_of_a_final_run_no_longer_asks_for_itself(client: Client, status: str) -> None:
    run = make_run(status=status)
    page = markup(client.get(f"/jobs/{run.pk}/status/?seen=running"))
    assert "hx-get" not in page
    assert "hx-swap-oob" in page  # the buttons, the commands and the announcement change with it


def test_the_part_of_an_unchanged_run_announces_nothing(client: Client) -> None:
    run = make_running()
    page = markup(client.get(f"/jobs/{run.pk}/status/?seen=running"))
    assert "hx-get" in page
    assert "announce" not in page


def test_the_part_of_a_run_is_one_query(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    run = make_running()
    with django_assert_num_queries(1):
        client.get(f"/jobs/{run.pk}/status/?seen=running")


def test_a_run_is_found_by_its_own_name_too(client: Client) -> None:
    make_run(run_id="50%-off", file_name="named.vcf")
    assert "named.vcf" in markup(client.get("/jobs/50%25-off/"))


@pytest.mark.parametrize("run_id", ["nothing", "%00", "%C3%A4", "00000000-0000-0000-0000-000000000000"])
def test_an_unknown_run_is_not_found(client: Client, run_id: str) -> None:
    response = client.get(f"/jobs/{run_id}/")
    assert response.status_code == 404
    assert "This page or run does not exist" in markup(response)


def test_the_page_of_a_run_that_was_deleted_stops_asking(client: Client) -> None:
    response = client.get("/jobs/nothing/status/", headers={"HX-Request": "true"})
    assert response.status_code == 404
    assert "This run was deleted" in markup(response)
    assert "hx-get" not in markup(response)


def test_a_result_is_linked_until_it_expires(client: Client) -> None:
    run = finished(indexed=True)
    page = markup(client.get(f"/jobs/{run.pk}/"))
    for name in ("result.vcf.gz", "result.vcf", "result.vcf.gz.tbi"):
        assert f'href="/runs/{run.pk}/{name}"' in page
    Run.objects.update(expires=timezone.now())
    page = markup(client.get(f"/jobs/{run.pk}/"))
    assert "result.vcf" not in page
    assert "has expired" in page


def test_a_run_without_an_index_offers_none(client: Client) -> None:
    run = finished(indexed=False)
    assert ".tbi" not in markup(client.get(f"/jobs/{run.pk}/"))


def test_the_report_is_shown_with_what_failed_and_what_is_unknown(client: Client) -> None:
    page = markup(client.get(f"/jobs/{finished().pk}/"))
    assert "REF differs from the reference" in page
    assert "1234567" in page
    assert "&lt;i&gt;chr1" in page
    assert "chrUn&lt;b&gt;" in page
    assert "Indel lengths" in page
    assert "Records along the sequence" in page


def test_a_failed_run_shows_its_sentence_and_never_its_traceback(client: Client) -> None:
    run = make_run(
        status=Status.FAILED, error_code="RUN_FAILURE", error="Line 7 is bad.", traceback="File /etc/x"
    )
    page = markup(client.get(f"/jobs/{run.pk}/"))
    assert "Line 7 is bad." in page
    assert "/etc/x" not in page


def test_a_run_is_cancelled_by_its_button(client: Client) -> None:
    run = make_running()
    assert client.post(f"/jobs/{run.pk}/cancel/")["Location"] == f"/jobs/{run.pk}/"
    assert Run.objects.get().status == Status.CANCELLED


def test_a_run_is_tried_again_by_its_button(client: Client, broker: list[Any]) -> None:
    run = make_run(status=Status.FAILED)
    store_input(run)
    client.post(f"/jobs/{run.pk}/retry/")
    assert Run.objects.get().status == Status.QUEUED
    assert len(broker) == 1


@pytest.mark.parametrize(
    ("verb", "status", "sentence"),
    [("cancel", Status.SUCCEEDED, "already ended"), ("retry", Status.FAILED, "no longer kept")],
)
def test_what_a_status_does_not_allow_is_said(client: Client, verb: str, status: str, sentence: str) -> None:
    run = make_run(status=status)
    response = client.post(f"/jobs/{run.pk}/{verb}/")
    assert response.status_code == 409
    assert sentence in markup(response)
    assert Run.objects.get().status == status


def test_deleting_asks_first(client: Client) -> None:
    run = make_run()
    store_input(run)
    assert "Delete this run?" in markup(client.get(f"/jobs/{run.pk}/delete/"))
    assert Run.objects.exists()
    assert client.post(f"/jobs/{run.pk}/delete/")["Location"] == "/"
    assert not Run.objects.exists()
    assert not storage.run_folder(run.pk).exists()


@pytest.mark.parametrize("verb", ["cancel", "retry"])
def test_a_link_changes_nothing(client: Client, verb: str) -> None:
    run = make_run()
    assert client.get(f"/jobs/{run.pk}/{verb}/").status_code == 405


# --- who sees what -----------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["/", "/jobs/x/", "/jobs/x/status/", "/jobs/x/delete/"])
def test_a_service_with_tokens_asks_for_a_login(client: Client, closed: None, address: str) -> None:
    response = client.get(address)
    assert (response.status_code, response["Location"]) == (302, f"/login/?next={address}")


def test_an_upload_without_a_login_is_not_even_read(closed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from vcfjobs.api.uploads import SpoolUploadHandler

    started: list[object] = []
    monkeypatch.setattr(SpoolUploadHandler, "new_file", lambda *args, **kwargs: started.append(args))
    browser = Client(enforce_csrf_checks=True)  # the check reads the form
    response = browser.post("/", {"vcf": SimpleUploadedFile("a.vcf", VCF)})
    assert response["Location"] == "/login/?next=/"
    assert started == []


def test_a_page_whose_login_is_over_is_sent_to_the_login_as_a_whole(client: Client, closed: None) -> None:
    response = client.get("/jobs/x/status/", headers={"HX-Request": "true"})
    assert response["HX-Redirect"] == "/login/"


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("get", "/jobs/{}/"),
        ("get", "/jobs/{}/status/"),
        ("get", "/jobs/{}/delete/"),
        ("post", "/jobs/{}/delete/"),
        ("post", "/jobs/{}/cancel/"),
        ("post", "/jobs/{}/retry/"),
    ],
)
def test_anothers_run_is_not_found_by_any_verb(
    client: Client, closed: None, method: str, address: str
) -> None:
    run = make_run(owner="user:999999")
    client.force_login(User.objects.create_user("ada"))
    assert getattr(client, method)(address.format(run.pk)).status_code == 404
    assert Run.objects.get().status == Status.QUEUED


def test_a_user_lists_own_runs_and_staff_everybodys(client: Client, closed: None) -> None:
    ada = User.objects.create_user("ada")
    make_run(owner=f"user:{ada.pk}", file_name="hers.vcf")
    make_run(owner="token:0123456789abcdef", file_name="other.vcf")
    client.force_login(ada)
    page = markup(client.get("/"))
    assert "hers.vcf" in page
    assert "other.vcf" not in page
    client.force_login(User.objects.create_user("eve", is_staff=True))
    page = markup(client.get("/"))
    assert "hers.vcf" in page
    assert "other.vcf" in page


def test_a_submit_belongs_to_who_is_signed_in(post: Post, client: Client, closed: None) -> None:
    ada = User.objects.create_user("ada")
    client.force_login(ada)
    post()
    assert Run.objects.get().owner == f"user:{ada.pk}"


def test_a_token_is_named_in_a_command_and_never_written(client: Client, closed: None) -> None:
    client.force_login(User.objects.create_user("eve", is_staff=True))
    page = markup(client.get(f"/jobs/{make_run().pk}/"))
    assert "Authorization: Bearer $TOKEN" in page
    assert "secret" not in page


@pytest.mark.django_db
def test_a_user_who_is_no_staff_can_log_in_and_out(client: Client, settings: Settings) -> None:
    settings.ANYVAR_AUTH_TOKEN_LIST = ["secret"]
    User.objects.create_user("reader", password="words-and-words")
    page = client.get("/login/?next=/")
    assert b"Log in" in page.content
    answer = client.post("/login/", {"username": "reader", "password": "words-and-words", "next": "/"})
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert client.get("/").status_code == 200
    client.post("/logout/")
    assert client.get("/").status_code == 302
