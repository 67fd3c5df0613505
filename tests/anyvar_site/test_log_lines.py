"""The form of log lines: no logged value makes a line of its own, in any process of the service."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from celery import Celery
from django.core.management.base import SystemCheckError
from pytest_django import Settings

from anyvar_site import log_lines
from tests.anyvar_site.conftest import names, text_of
from tests.conftest import PROJECT
from tests.e2e.processes import service
from tests.faults.files import SMALL, records
from tests.servers import START_SECONDS, wait_until
from vcfjobs.log_context import RunFilter, log_run
from vcfjobs.startup_checks import SETUP, check_setup

# The slow worker takes more than a second for each chunk.
MANY_CHUNKS = records(10_000)
HOSTILE = "a\nb\r\x1b[31mc\x7f\x9b\u2028d\0"

logger = logging.getLogger("vcfjobs.of_a_test")


def test_outside_of_a_run_a_line_names_none(lines: Callable[[], list[str]], kind: str) -> None:
    with log_run(uuid.uuid4()):
        pass
    logger.info("quiet")
    (line,) = lines()
    if kind == "json":
        assert set(json.loads(line)) == {"time", "level", "logger", "message"}
    else:
        assert line.endswith(" INFO vcfjobs.of_a_test quiet")


def test_a_logged_value_makes_no_line_of_its_own(lines: Callable[[], list[str]], kind: str) -> None:
    logger.warning("file %s", HOSTILE)
    (line,) = lines()
    assert line.isascii()
    assert line.isprintable()
    if kind == "json":
        assert json.loads(line)["message"] == f"file {HOSTILE}"
    else:
        assert line.endswith(r"file a\nb\r\x1b[31mc\x7f\x9b\u2028d\x00")


def test_names_in_any_script_stay_readable_as_text() -> None:
    assert log_lines.escaped("Größe 大きさ 😀") == "Größe 大きさ 😀"


def fail() -> None:
    try:
        int("first\n2026-01-01 00:00:00,000 INFO forged")
    except ValueError as error:
        raise KeyError("second") from error


def test_an_exception_is_one_line_of_json_and_lines_of_its_record_as_text(
    lines: Callable[[], list[str]], kind: str
) -> None:
    pk = uuid.uuid4()
    with log_run(pk):
        try:
            fail()
        except KeyError:
            logger.exception("failed")
    found = lines()
    assert all(names(line, kind, pk) for line in found)
    if kind == "json":
        (line,) = map(json.loads, found)
        assert (line["level"], line["message"]) == ("ERROR", "failed")
        assert line["exception"].startswith("Traceback")
        assert "KeyError: 'second'" in line["exception"]
    else:
        assert len(found) > 5
        assert all(f" ERROR vcfjobs.of_a_test run={pk} " in line for line in found)


def record(**members: Any) -> logging.LogRecord:
    made = logging.makeLogRecord({"name": "n", "levelname": "INFO", "msg": "m", **members})
    RunFilter().filter(made)
    return made


def test_json_has_the_time_in_utc_and_its_own_fields_alone() -> None:
    line = json.loads(
        log_lines.JsonLines().format(record(request="<Request /vcf?run_id=x>", data={"args": []}))
    )
    assert set(line) == {"time", "level", "logger", "message"}
    time = datetime.fromisoformat(line["time"])
    assert time.utcoffset() == datetime.now(UTC).utcoffset()
    assert abs((datetime.now(UTC) - time).total_seconds()) < 60


def test_a_workers_lines_name_the_delivery() -> None:
    app = Celery("test", set_as_current=False)

    @app.task
    def task() -> Any:
        return json.loads(log_lines.JsonLines().format(record()))["task_id"]

    assert task.apply(task_id="delivery-1").get() == "delivery-1"
    with log_run(uuid.uuid4(), "delivery-2"):
        assert json.loads(log_lines.JsonLines().format(record()))["task_id"] == "delivery-2"


def start(tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A process with these settings, which logs one line."""
    program = (
        "import django, logging, uuid; django.setup()\n"
        "from vcfjobs.log_context import log_run\n"
        "with log_run(uuid.UUID(int=7)): logging.getLogger('some.library').info('hello')\n"
    )
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment |= {"DJANGO_SETTINGS_MODULE": "anyvar_site.settings", "SECRET_KEY": "x" * 60}
    environment |= {"DATABASE_URL": f"sqlite:///{tmp_path / 'db'}", **variables}
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_log_format_chooses_for_the_whole_process(tmp_path: Path) -> None:
    (line,) = start(tmp_path, LOG_FORMAT="json").stderr.splitlines()
    assert json.loads(line)["run"] == str(uuid.UUID(int=7))
    (line,) = start(tmp_path).stderr.splitlines()
    assert line.endswith(f" INFO some.library run={uuid.UUID(int=7)} hello")


# --- what the system checks find --------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("tag", [None, SETUP])
def test_a_warning_of_the_checks_is_a_line_with_its_hint(
    lines: Callable[[], list[str]], kind: str, tag: str | None
) -> None:
    check_setup(tag)
    (line,) = lines()
    assert "vcfjobs.W001: No reference assembly is registered" in text_of(line, kind)
    assert "load_reference GRCh38" in text_of(line, kind)


@pytest.mark.django_db
@pytest.mark.parametrize("tag", [None, SETUP])
def test_an_error_of_the_checks_is_a_line_and_stops_the_start(
    lines: Callable[[], list[str]], settings: Settings, tag: str | None
) -> None:
    settings.CELERY_SOFT_LIMIT = settings.CELERY_HARD_LIMIT
    with pytest.raises(SystemCheckError, match="must be below"):
        check_setup(tag)
    assert [line for line in lines() if "vcfjobs.E003" in line]


# --- whole processes --------------------------------------------------------------------------------

TEXT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ [\w.]+ (?:run=[0-9a-f-]{36} )?\S.*")


def is_a_line(line: str, kind: str) -> bool:
    """Whether it is one of ours, from its first to its last character."""
    if kind == "text":
        return line.isprintable() and TEXT.fullmatch(line) is not None
    members = json.loads(line)
    return line.isascii() and line.isprintable() and {"time", "level", "logger", "message"} <= set(members)


def ask(method: str, url: str, content: bytes = b"") -> None:
    """Send a request until it is answered."""

    def is_answered() -> bool:
        with suppress(requests.ConnectionError, requests.Timeout):
            requests.request(method, url, data=content, timeout=START_SECONDS)
            return True
        return False

    wait_until(is_answered, f"{method} {url} is answered")


@pytest.mark.e2e
def test_each_line_of_web_and_worker_is_one_of_ours_and_names_the_run(tmp_path: Path, kind: str) -> None:
    """From start to end, through a reload, a worker that is killed, and addresses that are hostile."""
    variables = {
        "ANYVAR_KERNEL": "on" if kind == "text" else "off",  # its load takes a second in each process
        "ANYVAR_LEASE_SECONDS": "1",
        "PYTHONWARNINGS": "default",  # a worker of root is warned, and that is a line too
    }
    with service(tmp_path, LOG_FORMAT=kind, **variables) as made:
        web = made.start_web()
        worker = made.start_worker("--concurrency=1", app="tests.faults.slow")
        location = made.submit(MANY_CHUNKS, run_id="a")
        wait_until(lambda: "attempt 1 begins" in made.log("worker-1"), "it is begun")
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
        made.start_worker("--concurrency=1")
        run = made.wait_for(location)
        for hostile in ("%1b[31m%0a%0d%c2%9b", "vcf/%0a%1b"):
            ask("GET", f"{made.url}/{hostile}")
        ask("PUT", f"{made.url}/vcf?run_id=%0a%1b", SMALL)
        web.send_signal(signal.SIGHUP)
        wait_until(lambda: made.log("web").count("Booting worker") == 2, "it is reloaded")
        made.stop()
        found = {name: made.log(name).splitlines() for name in ("web", "worker-1", "worker-2")}
    assert (run["status"], run["attempt"]) == ("succeeded", 2)
    for name, lines in found.items():
        assert [line for line in lines if not is_a_line(line, kind)] == [], name
    every = [line for lines in found.values() for line in lines]
    about = [line for line in every if run["id"] in line]
    assert len(about) >= 3
    assert all(names(line, kind, run["id"]) for line in about)
    for part in ("Listening at", "Shutting down", " ready.", "Warm shutdown", "queued again"):
        assert any(part in text_of(line, kind) for line in every), part


@pytest.mark.e2e
def test_a_worker_that_is_set_up_wrongly_says_so_in_a_line(tmp_path: Path, kind: str) -> None:
    with service(tmp_path, LOG_FORMAT=kind) as made:
        made.environment |= {"CELERY_SOFT_TIME_LIMIT": "9", "CELERY_TASK_TIME_LIMIT": "9"}
        worker = made.start_worker("--concurrency=1")
        wait_until(lambda: worker.poll() is not None, "the worker ends")
        lines = made.log("worker-0").splitlines()
    assert worker.returncode != 0
    assert all(is_a_line(line, kind) for line in lines)
    assert any("CELERY_SOFT_TIME_LIMIT (9) must be below" in text_of(line, kind) for line in lines)


def test_gunicorns_main_process_imports_nothing_that_a_reload_would_have_to_renew() -> None:
    program = (
        "import runpy, sys; runpy.run_path('gunicorn.conf.py');"
        "print({name.partition('.')[0] for name in sys.modules} & {'anyvar_site', 'vcfjobs', 'celery'})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "set()\n"), done.stderr
