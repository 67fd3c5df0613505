"""Every setting of the table has the effect it names, and a wrong one stops the start with a sentence."""

from __future__ import annotations

import os
import runpy
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from billiard.pool import LOST_WORKER_TIMEOUT
from celery import Celery
from django.core.checks import WARNING
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection
from django.test import Client
from environs import EnvValidationError
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pytest_django import Settings

from anyvar_site.environment import secret_key
from tests.conftest import PROJECT
from vcfjobs.checks import CHILD_LOST_SECONDS, identity_provider, limits


def settings_of(project: Path, variables: dict[str, str]) -> dict[str, Any]:
    """Every setting of a process that starts with these variables alone."""
    with mock.patch.dict(os.environ, variables, clear=True):
        return runpy.run_path(str(project / "anyvar_site" / "settings.py"))


def load(**variables: str) -> dict[str, Any]:
    return settings_of(PROJECT, {"SECRET_KEY": "x" * 60, **variables})


def read(name: str, **variables: str) -> object:
    """One setting, of Django or of Celery."""
    settings = load(**variables)
    if name in settings:
        return settings[name]
    return Celery(set_as_current=False, config_source=settings["CELERY"]).conf[name]


def refusal(variable: str, value: str) -> str:
    """The sentence with which a process refuses to start."""
    with pytest.raises((ImproperlyConfigured, EnvValidationError)) as refused:
        load(**{variable: value})
    return str(refused.value)


@pytest.mark.parametrize(
    ("variable", "value", "name", "seen"),
    [
        ("CELERY_BROKER_URL", "redis://localhost:6390/3", "broker_url", "redis://localhost:6390/3"),
        ("CELERY_BACKEND_URL", "redis://localhost:6390/4", "result_backend", "redis://localhost:6390/4"),
        ("ANYVAR_VCF_ASYNC_WORK_DIR", "/tmp/w", "ANYVAR_VCF_ASYNC_WORK_DIR", Path("/tmp/w")),
        ("CELERY_TASK_DEFAULT_QUEUE", "q", "task_default_queue", "q"),
        ("CELERY_EVENT_QUEUE_PREFIX", "ev", "event_queue_prefix", "ev"),
        ("CELERY_TIMEZONE", "Europe/Paris", "timezone", "Europe/Paris"),
        ("CELERY_RESULT_EXPIRES", "60", "CELERY_RESULT_EXPIRES", 60),
        ("CELERY_TASK_ACKS_LATE", "false", "task_acks_late", False),
        ("CELERY_TASK_REJECT_ON_WORKER_LOST", "true", "REQUEUE_WHEN_CHILD_LOST", True),
        ("CELERY_TASK_REJECT_ON_WORKER_LOST", "true", "task_reject_on_worker_lost", False),
        ("CELERY_WORKER_PREFETCH_MULTIPLIER", "4", "worker_prefetch_multiplier", 4),
        ("CELERY_TASK_TIME_LIMIT", "5000", "task_time_limit", 5000),
        ("CELERY_SOFT_TIME_LIMIT", "70", "CELERY_SOFT_LIMIT", 70),
        ("CELERY_BROKER_TRANSPORT_OPTIONS_VISIBILITY_TIMEOUT", "9999", "CELERY_VISIBILITY_TIMEOUT", 9999),
        ("CELERY_WORKER_SEND_TASK_EVENTS", "true", "worker_send_task_events", True),
        ("ANYVAR_VCF_ASYNC_FAILURE_STATUS_CODE", "422", "ANYVAR_VCF_ASYNC_FAILURE_STATUS_CODE", 422),
        ("ANYVAR_SEQUENCE_DIR", "/tmp/s", "ANYVAR_SEQUENCE_DIR", Path("/tmp/s")),
        ("ANYVAR_MAX_UPLOAD_BYTES", "5", "ANYVAR_MAX_UPLOAD_BYTES", 5),
        ("ANYVAR_SYNC_MAX_BYTES", "6", "ANYVAR_SYNC_MAX_BYTES", 6),
        ("ANYVAR_LEASE_SECONDS", "7", "ANYVAR_LEASE_SECONDS", 7),
        ("ANYVAR_RUN_MAX_ATTEMPTS", "8", "ANYVAR_RUN_MAX_ATTEMPTS", 8),
        ("ANYVAR_DEFAULT_ASSEMBLY", "GRCh37", "ANYVAR_DEFAULT_ASSEMBLY", "GRCh37"),
        ("ANYVAR_HTTPS", "true", "SESSION_COOKIE_SECURE", True),
        ("ALLOWED_HOSTS", "a.org,b.org", "ALLOWED_HOSTS", ["a.org", "b.org"]),
        ("DEBUG", "true", "DEBUG", True),
        ("ANYVAR_AUTH_TOKEN_LIST", "a, b", "ANYVAR_AUTH_TOKEN_LIST", ["a", "b"]),
        ("ANYVAR_AUTH_TOKEN_LIST", "alice:a,b", "ANYVAR_AUTH_TOKEN_LIST", ["alice:a", "b"]),
        ("ANYVAR_AUTH_REQUIRED", "true", "ANYVAR_AUTH_REQUIRED", True),
        ("ANYVAR_AUTH_ISSUER_URL", "https://id.org", "ANYVAR_AUTH_ISSUER_URL", "https://id.org"),
        ("ANYVAR_ACCESS_LOG", "true", "ANYVAR_ACCESS_LOG", True),
        ("CELERY_WORKER_MAX_TASKS_PER_CHILD", "50", "worker_max_tasks_per_child", 50),
        ("CELERY_TASK_TRACK_STARTED", "True", "task_track_started", True),
        ("CELERY_TASK_TRACK_STARTED", "no", "task_track_started", False),
        ("CELERY_WORKER_CONCURRENCY", "", "worker_concurrency", None),
        ("ANYVAR_HTTPS", "on", "SESSION_COOKIE_SECURE", True),
        ("ANYVAR_REGISTER", "", "ANYVAR_REGISTER", True),
        ("ANYVAR_SUBMIT_RATE", "5/second", "ANYVAR_SUBMIT_RATE", "5/second"),
        ("ANYVAR_ORGANIZATION_NAME", "$HOME ${HOME}", "ANYVAR_ORGANIZATION_NAME", "$HOME ${HOME}"),
    ],
)
def test_a_variable_reaches_its_setting(variable: str, value: str, name: str, seen: object) -> None:
    assert read(name, **{variable: value}) == seen


def test_a_value_with_a_dollar_is_that_value_and_never_the_name_of_another() -> None:
    tokens = ["$ecret", r"\$ecret", "a$b", "$HOME", "${HOME}"]
    assert read("ANYVAR_AUTH_TOKEN_LIST", ANYVAR_AUTH_TOKEN_LIST=",".join(tokens)) == tokens


@pytest.mark.parametrize("name", ["AUDIENCES", "APPIDS", "SCOPES", "EMAILS", "SUBJECTS"])
def test_what_tokens_of_an_issuer_must_claim_reaches_its_setting(name: str) -> None:
    variable = f"ANYVAR_AUTH_{name}"
    assert read(variable, ANYVAR_AUTH_ISSUER_URL="https://id.org", **{variable: "a, b"}) == ["a", "b"]


def test_the_visibility_timeout_reaches_redis() -> None:
    options = read(
        "broker_transport_options",
        CELERY_BROKER_URL="redis://localhost:6390/0",
        CELERY_BROKER_TRANSPORT_OPTIONS_VISIBILITY_TIMEOUT="9999",
    )
    assert isinstance(options, dict)
    assert options["visibility_timeout"] == 9999


def test_transport_options_as_json_keep_the_timeouts_they_do_not_name() -> None:
    redis = {"CELERY_BROKER_URL": "redis://localhost:6390/0"}
    options = '{"socket_keepalive": true, "socket_timeout": 9, "visibility_timeout": 8888}'
    done = load(CELERY_BROKER_TRANSPORT_OPTIONS=options, **redis)
    assert done["CELERY"]["broker_transport_options"] == {
        "visibility_timeout": 8888,
        "socket_timeout": 9,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        "unacked_restore_throttle": 1,
    }
    assert done["CELERY_VISIBILITY_TIMEOUT"] == 8888


def test_transport_options_as_json_keep_the_folder_of_the_embedded_broker() -> None:
    given = {"ANYVAR_BROKER_DIR": "/tmp/b", "CELERY_BROKER_TRANSPORT_OPTIONS": '{"polling_interval": 1}'}
    assert read("broker_transport_options", **given) == {"folder": "/tmp/b", "polling_interval": 1}


def test_without_variables_the_visibility_timeout_is_above_the_hard_limit() -> None:
    assert read("CELERY_VISIBILITY_TIMEOUT", CELERY_TASK_TIME_LIMIT="7777") == 8077


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("ANYVAR_LEASE_SECONDS", "soon", "Not a valid integer."),
        ("ANYVAR_LEASE_SECONDS", "0", "Must be greater than or equal to 1."),
        ("ANYVAR_VCF_ASYNC_FAILURE_STATUS_CODE", "200", "Must be greater than or equal to 400 and less"),
        ("ANYVAR_HTTPS", "enabled", "Not a valid boolean."),
        ("CELERY_TASK_ACKS_LATE", "ture", "Not a valid boolean."),
        ("CELERY_TASK_TRACK_STARTED", "ture", "must be true or false."),
        ("CELERY_WORKER_MAX_TASKS_PER_CHILD", "two", "must be an integer."),
        ("CELERY_BROKER_TRANSPORT_OPTIONS", "[1]", "must be a JSON object."),
        ("CELERY_TASK_SOFT_TIME_LIMIT", "60", "the service calls it CELERY_SOFT_TIME_LIMIT"),
        ("ANYVAR_SUBMIT_RATE", "600 per minute", "such as 600/min or 5/s."),
        ("ANYVAR_CONTACT_URL", "me", "Must be http:, https: or mailto: and an address."),
        ("ANYVAR_SERVICE_CREATED_AT", "2026-13-31T12:00:00Z", "Must be a date and time like"),
        ("ANYVAR_AUTH_TOKEN_LIST", " , ", "contains nothing"),
        ("ANYVAR_AUTH_TOKENS", "secret", "the service has no such setting"),
        ("ANYVAR_AUTH_ISSUER_URL", "id.example.org", "Must be http: or https: and an address."),
        ("ANYVAR_AUTH_JWKS_URI", "https://id.example.org/keys", "without ANYVAR_AUTH_ISSUER_URL"),
        ("ANYVAR_AUTH_AUDIENCES", "a", "without ANYVAR_AUTH_ISSUER_URL"),
        ("ANYVAR_AUTH_APPIDS", "a", "without ANYVAR_AUTH_ISSUER_URL"),
        ("ANYVAR_AUTH_SCOPES", "a", "without ANYVAR_AUTH_ISSUER_URL"),
        ("ANYVAR_AUTH_EMAILS", "a@b.c", "without ANYVAR_AUTH_ISSUER_URL"),
        ("ANYVAR_AUTH_SUBJECTS", "a", "without ANYVAR_AUTH_ISSUER_URL"),
        ("ANYVAR_AUTH_CLIENT_ID", "vrs", "without ANYVAR_AUTH_ISSUER_URL"),
        ("ANYVAR_AUTH_CLIENT_SECRET", "x", "without ANYVAR_AUTH_ISSUER_URL"),
        ("ANYVAR_AUTH_SUBJECTS", ",", "contains nothing"),
        ("CELERY_NO_SUCH_THING", "1", "Celery has no setting called no_such_thing"),
        ("LOG_FORMAT", "xml", "Must be one of: text, json."),
        ("LOG_LEVEL", "loud", "Not a valid log level."),
        ("DATABASE_URL", "mysql://localhost/x", "must name SQLite"),
        ("DATABASE_URL", "postgres://u:p]s@h:x/n", "Not a valid database URL."),
    ],
)
def test_a_wrong_value_stops_the_start_with_a_sentence(variable: str, value: str, sentence: str) -> None:
    said = refusal(variable, value)
    assert variable in said
    assert sentence in said


def test_a_wrong_database_url_is_not_repeated_with_its_password() -> None:
    assert "p]s" not in refusal("DATABASE_URL", "postgres://u:p]s@h:x/n")


def test_a_process_with_a_wrong_value_ends_with_the_sentence() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=PROJECT,
        env=os.environ | {"ANYVAR_HTTPS": "enabled"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert '"ANYVAR_HTTPS" invalid: Not a valid boolean.' in done.stderr.splitlines()[-1]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("soft", "hard", "visibility", "code"),
    [(100, 100, 200, "vcfjobs.E003"), (10, 100, 100, "vcfjobs.E004")],
)
def test_limits_out_of_order_stop_the_start(
    settings: Settings, soft: int, hard: int, visibility: int, code: str
) -> None:
    settings.CELERY_SOFT_LIMIT, settings.CELERY_HARD_LIMIT = soft, hard
    settings.CELERY_VISIBILITY_TIMEOUT = visibility
    with pytest.raises(SystemCheckError, match=code):
        call_command("check")


@pytest.mark.django_db
def test_a_work_directory_that_cannot_be_made_stops_the_start(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings.ANYVAR_VCF_ASYNC_WORK_DIR = tmp_path / "file" / "work"
    with pytest.raises(SystemCheckError, match=r"vcfjobs\.E001"):
        call_command("check")


@pytest.mark.django_db
def test_a_spool_on_another_file_system_stops_the_start(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = Path("/dev/shm")
    if not elsewhere.is_dir() or elsewhere.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system to spool to")
    monkeypatch.setattr("vcfjobs.storage.spool", lambda: elsewhere)
    with pytest.raises(SystemCheckError, match=r"vcfjobs\.E002"):
        call_command("check")


@pytest.mark.django_db
def test_a_service_without_reference_says_so_at_start(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("check")
    assert "No reference assembly is registered" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("again", "lease", "warned"), [(False, 17, True), (False, 18, False), (True, 3, False)]
)
def test_a_lease_that_ends_before_celery_has_noticed_a_dead_child_is_warned_of(
    settings: Settings, again: bool, lease: int, warned: bool
) -> None:
    settings.REQUEUE_WHEN_CHILD_LOST, settings.ANYVAR_LEASE_SECONDS = again, lease
    found = [message for message in limits() if message.id == "vcfjobs.W002"]
    assert bool(found) == warned
    assert all(message.level == WARNING and "10 seconds" in (message.hint or "") for message in found)


@pytest.mark.parametrize(
    ("issuer", "uri", "audiences", "codes"),
    [
        ("", "", [], []),
        ("https://id.org", "", ["a"], []),
        ("https://id.org", "http://id.org/keys", ["a"], ["vcfjobs.W004"]),
        ("http://id.org", "", [], ["vcfjobs.W003", "vcfjobs.W004"]),
    ],
)
def test_a_provider_that_is_trusted_too_much_is_warned_of(
    settings: Settings, issuer: str, uri: str, audiences: list[str], codes: list[str]
) -> None:
    settings.ANYVAR_AUTH_ISSUER_URL, settings.ANYVAR_AUTH_JWKS_URI = issuer, uri
    settings.ANYVAR_AUTH_AUDIENCES = audiences
    assert [message.id for message in identity_provider()] == codes


def test_celery_takes_as_long_as_the_warning_says() -> None:
    assert LOST_WORKER_TIMEOUT == CHILD_LOST_SECONDS - 2


def test_gunicorn_too_refuses_to_start_with_wrong_limits(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import anyvar_site.wsgi"],
        cwd=PROJECT,
        env=os.environ
        | {
            "CELERY_SOFT_TIME_LIMIT": "9000",
            "DATABASE_URL": f"sqlite:///{tmp_path}/x",
            "SECRET_KEY": "x" * 60,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "CELERY_SOFT_TIME_LIMIT (9000) must be below" in done.stderr


def test_the_secret_key_is_made_once_random_and_for_us_alone(tmp_path: Path) -> None:
    path = tmp_path / "var" / "secret_key"
    first = secret_key(path)
    assert secret_key(path) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(first) >= 50
    assert secret_key(tmp_path / "other") != first


def test_the_folder_of_database_broker_and_key_is_for_us_alone(tmp_path: Path) -> None:
    (tmp_path / "anyvar_site").mkdir()
    shutil.copy(PROJECT / "anyvar_site" / "settings.py", tmp_path / "anyvar_site")
    (tmp_path / "manage.py").touch()
    before = os.umask(0o022)
    try:
        settings_of(tmp_path, {})
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "var").stat().st_mode) == 0o700
    assert (tmp_path / "var" / "secret_key").exists()


@pytest.mark.parametrize(("query", "idle"), [("", "15"), ("?keepalives_idle=60", "60")])
def test_a_database_host_that_vanishes_is_given_up(query: str, idle: str) -> None:
    """What psycopg connects with, as libpq reads it."""
    database = load(DATABASE_URL=f"postgres://u:p@h/n{query}")["DATABASES"]["default"]
    options = conninfo_to_dict(make_conninfo(**database["OPTIONS"]))
    assert options == {
        "connect_timeout": "5",
        "keepalives_idle": idle,
        "keepalives_interval": "5",
        "keepalives_count": "3",
        "tcp_user_timeout": "20000",
    }


@pytest.mark.django_db(transaction=True)
def test_sqlite_runs_in_wal_mode_and_takes_its_lock_at_once() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("this is SQLite's part of the settings")
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        assert cursor.fetchone() == ("wal",)
        cursor.execute("PRAGMA synchronous")
        assert cursor.fetchone() == (2,)  # FULL: a commit outlasts a power cut
        cursor.execute("PRAGMA busy_timeout")
        assert cursor.fetchone() == (20_000,)
    assert connection.settings_dict["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


def test_https_redirects_and_sets_hsts(settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT, settings.SECURE_HSTS_SECONDS = True, 100
    response = Client().get("/healthz")
    assert response.status_code == 301
    assert "max-age=100" in Client().get("/healthz", secure=True)["Strict-Transport-Security"]
