"""GET /service-info keeps the rules of GA4GH's service-info 1.0."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import jsonschema
import pytest
from django.test import Client
from pytest_django import Settings

from tests.anyvar_site.test_settings import read, refusal
from vcfjobs.vrs import versions

pytestmark = pytest.mark.django_db

TEXT = {"type": "string", "minLength": 1}
REVERSE_DOMAIN = {"type": "string", "pattern": r"^[a-z0-9-]+(\.[A-Za-z0-9-]+)+$"}
URL = {"type": "string", "format": "uri"}
MOMENT = {"type": "string", "format": "date-time"}
# The specification's members, which are required and of what form; it allows others.
RULES: dict[str, Any] = {
    "type": "object",
    "required": ["id", "name", "type", "organization", "version"],
    "properties": {
        "id": REVERSE_DOMAIN,
        "name": TEXT,
        "type": {
            "type": "object",
            "required": ["group", "artifact", "version"],
            "properties": {"group": REVERSE_DOMAIN, "artifact": TEXT, "version": TEXT},
            "additionalProperties": False,
        },
        "description": TEXT,
        "organization": {
            "type": "object",
            "required": ["name", "url"],
            "properties": {"name": TEXT, "url": URL},
            "additionalProperties": False,
        },
        "contactUrl": URL,
        "documentationUrl": URL,
        "createdAt": MOMENT,
        "updatedAt": MOMENT,
        "environment": {"enum": ["prod", "test", "dev", "staging"]},
        "version": TEXT,
    },
}
OPTIONAL = {"contactUrl", "createdAt", "updatedAt"}

FORMATS = jsonschema.FormatChecker([])
FORMATS.checks("uri")(lambda text: re.fullmatch(r"(https?://[^/\s]+\S*|mailto:\S+@\S+)", text))
FORMATS.checks("date-time", ValueError)(lambda text: datetime.fromisoformat(text).tzinfo is not None)


def rules_kept(info: dict[str, Any]) -> None:
    """Raise ValidationError where a rule is broken."""
    jsonschema.validate(info, RULES, jsonschema.Draft202012Validator, format_checker=FORMATS)


def test_the_document_keeps_the_rules_as_it_comes(client: Client) -> None:
    answer = client.get("/service-info")
    assert answer["Content-Type"] == "application/json"
    rules_kept(answer.json())
    assert not OPTIONAL & set(answer.json())


def test_the_document_keeps_the_rules_with_all_that_an_operator_may_say(
    client: Client, settings: Settings
) -> None:
    settings.ANYVAR_CONTACT_URL = "mailto:vrs@example.org"
    settings.ANYVAR_SERVICE_CREATED_AT = "2026-11-24T12:00:00Z"
    settings.ANYVAR_SERVICE_UPDATED_AT = "2026-12-24T12:00:00+01:00"
    settings.ANYVAR_SERVICE_ENVIRONMENT = "staging"
    info = client.get("/service-info").json()
    rules_kept(info)
    assert set(info) >= OPTIONAL
    assert info["environment"] == "staging"


@pytest.mark.parametrize("missing", RULES["required"])
def test_the_rules_ask_for_what_is_required(client: Client, missing: str) -> None:
    info = client.get("/service-info").json()
    del info[missing]
    with pytest.raises(jsonschema.ValidationError):
        rules_kept(info)


@pytest.mark.parametrize(
    ("member", "value"),
    [("documentationUrl", "docs"), ("createdAt", "today"), ("createdAt", "2026-11-24T12:00:00")],
)
def test_the_rules_ask_for_the_forms(client: Client, member: str, value: str) -> None:
    info = client.get("/service-info").json() | {member: value}
    with pytest.raises(jsonschema.ValidationError):
        rules_kept(info)


def test_an_api_of_its_own_is_not_in_the_namespace_of_ga4gh(client: Client, settings: Settings) -> None:
    settings.ANYVAR_SERVICE_ID = "org.example.lab.vrs"
    kind = client.get("/service-info").json()["type"]
    assert (kind["group"], kind["artifact"]) == ("org.example.lab", "vcfjobs")


def test_the_documentation_is_this_servers_own_unless_said_otherwise(
    client: Client, settings: Settings
) -> None:
    settings.ALLOWED_HOSTS = ["vrs.example.org"]
    own = client.get("/service-info", headers={"Host": "vrs.example.org"}).json()["documentationUrl"]
    assert own == "http://vrs.example.org/docs/"
    settings.ANYVAR_DOCUMENTATION_URL = "https://docs.example.org/"
    info = client.get("/service-info", headers={"Host": "vrs.example.org"}).json()
    assert info["documentationUrl"] == "https://docs.example.org/"


def test_the_version_of_vrs_stands_where_anyvar_has_it(client: Client) -> None:
    assert client.get("/service-info").json()["spec_metadata"] == {
        "vrs_version": versions.RELEASES[versions.DEFAULT],
        "vrs_versions": ["2.0", "2.1"],
    }


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("ANYVAR_CONTACT_URL", "vrs@example.org", "Must be http:, https: or mailto: and an address."),
        ("ANYVAR_CONTACT_URL", "javascript:alert()", "Must be http:, https: or mailto: and an address."),
        ("ANYVAR_ORGANIZATION_URL", "example.org", "Must be http: or https: and an address."),
        (
            "ANYVAR_DOCUMENTATION_URL",
            "ftp://example.org",
            "Must be http: or https: and an address.",
        ),
        ("ANYVAR_SERVICE_CREATED_AT", "2026-11-24", "Must be a date and time like"),
        ("ANYVAR_SERVICE_UPDATED_AT", "2026-13-24T12:00:00Z", "Must be a date and time like"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_a_sentence(variable: str, value: str, sentence: str) -> None:
    assert re.search(rf'"{variable}" invalid: .*{sentence}', refusal(variable, value))


@pytest.mark.parametrize(("debug", "environment"), [("true", "test"), ("false", "prod")])
def test_a_service_for_debugging_says_that_it_is_none_for_production(debug: str, environment: str) -> None:
    assert read("ANYVAR_SERVICE_ENVIRONMENT", DEBUG=debug) == environment
