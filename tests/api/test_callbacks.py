"""`callback_url` and `email_owner`: who may be told of the end of a run, and what the run says of it."""

from __future__ import annotations

from threading import Event
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from tests.api.conftest import Submit, body
from tests.api.document import require_fit
from tests.factories import make_run
from tests.notifications.receiver import Receiver
from vcfjobs import storage
from vcfjobs.models import Notification, Run
from vcfjobs.notifications.origins import listed_origin
from vcfjobs.worker import delivery, executor

pytestmark = pytest.mark.django_db

URL = "https://hooks.example.org/done"


@pytest.fixture
def listed(settings: Settings) -> None:
    """The operator allows webhooks to one host."""
    settings.ANYVAR_CALLBACK_HOSTS = [listed_origin("hooks.example.org")]


def refusal(response: Any) -> str:
    """The sentence of a refused submit, which leaves nothing."""
    assert response.status_code == 422
    assert response.json()["error_code"] == "INVALID_PARAMETER"
    assert not Run.objects.exists()
    assert list(storage.spool().iterdir()) == []
    return str(response.json()["detail"])


@pytest.mark.django_db(transaction=True)
def test_a_receiver_is_told_of_a_run_that_it_can_then_fetch(
    submit: Submit, client: Client, receiver: Receiver
) -> None:
    assert submit(run_async="true", run_id="mine", callback_url=receiver.url).status_code == 202
    run = Run.objects.get()
    executor.run(run.pk, task_id="t", worker="w")
    delivery.deliver_due(Event())
    (message,) = receiver.messages
    assert message.is_signed_by()
    require_fit(message.payload, {"$ref": "#/components/schemas/RunEnded"})
    told = message.payload["data"]
    assert (message.payload["type"], told["run_id"], told["file_name"]) == ("run.succeeded", "mine", "in.vcf")
    assert client.get(told["links"]["self"]).json()["status"] == "succeeded"
    assert b"VRS_Allele_IDs" in body(client.get(told["links"]["vcf"]))
    assert client.get(told["links"]["page"]).status_code == 200
    said = client.get("/runs/mine/").json()
    assert (said["callback_url"], said["email_owner"]) == (receiver.url, False)
    (notification,) = said["notifications"]
    assert (notification["id"], notification["state"], notification["attempts"]) == (
        message.id,
        "delivered",
        1,
    )


@pytest.mark.usefixtures("listed")
def test_a_run_that_registers_annotations_takes_it_too(submit: Submit, client: Client) -> None:
    annotated = body(submit(add_vrs_attributes="true"))
    address = f"/annotated_vcf?run_async=true&assembly=tiny&callback_url={URL}"
    answer = client.put(address, annotated, content_type="application/octet-stream")
    assert answer.status_code == 202, answer.content
    assert Run.objects.get(callback_url=URL).kind == "ingest"


def test_where_no_host_is_listed_it_is_refused(submit: Submit) -> None:
    assert "Callbacks are not enabled on this service" in refusal(submit(run_async="true", callback_url=URL))


@pytest.mark.usefixtures("listed")
@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("https://evil.org/", "not allowed on this service"),
        ("http://hooks.example.org/", "not allowed on this service"),
        ("https://a:b@hooks.example.org/", "user name or a password"),
        ("file:///etc/passwd", "Must be an https: address"),
        ("", "may not be blank"),
    ],
)
def test_an_address_that_is_not_allowed_is_refused(submit: Submit, url: str, sentence: str) -> None:
    assert sentence in refusal(submit(run_async="true", callback_url=url))


@pytest.mark.usefixtures("listed")
def test_a_repeated_request_has_the_same_callback(submit: Submit) -> None:
    for _ in range(2):
        assert submit(run_async="true", run_id="mine", callback_url=URL).status_code == 202
    assert submit(run_async="true", run_id="mine").json()["error_code"] == "RUN_ID_IN_USE"
    assert Run.objects.count() == 1


@pytest.mark.usefixtures("listed")
def test_a_run_inside_a_request_is_told_of_too(submit: Submit) -> None:
    assert b"VRS_Allele_IDs" in body(submit(callback_url=URL))
    assert Notification.objects.get().payload["type"] == "run.succeeded"


def test_a_run_of_which_nobody_is_told_costs_no_query_more(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    run = make_run()
    with django_assert_num_queries(1):
        assert client.get(f"/runs/{run.pk}/").json()["notifications"] == []


def test_the_owner_is_told_where_both_have_an_address(
    submit: Submit, client: Client, settings: Settings
) -> None:
    settings.ANYVAR_AUTH_REQUIRED = True
    ada = User.objects.create_user("ada", "ada@example.org")
    client.force_login(ada)
    client.defaults["HTTP_X_CSRFTOKEN"] = "unused"
    assert "sends no e-mail" in refusal(submit(run_async="true", email_owner="true"))
    settings.EMAIL_ENABLED = True
    User.objects.update(email="")
    assert "has no e-mail address" in refusal(submit(run_async="true", email_owner="true"))
    User.objects.update(email="ada@example.org")
    assert submit(run_async="true", email_owner="true").status_code == 202
    assert Run.objects.get().email_owner
