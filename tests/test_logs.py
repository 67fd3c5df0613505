"""Log lines: each of a run names it, and no logged value makes a line of its own."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError
from pytest_django import Settings

from anyvar_site import logs
from tests.conftest import PROJECT
from tests.factories import make_run, make_running, make_upload, store_input
from tests.servers import wait_until
from vcfjobs import publication, queue, registry, runner, services
from vcfjobs.lease import Lease
from vcfjobs.log_context import about_run, current
from vcfjobs.models import Run, RunQuerySet, Status

FORMATTERS: dict[str, Callable[[], logging.Formatter]] = {"json": logs.JsonLines, "text": logs.TextFormatter}
HOSTILE = "a\nb\r\x1b[31mc\x7f\x9b\u2028d\0"

logger = logging.getLogger("vcfjobs.of_a_test")


@pytest.fixture(params=sorted(FORMATTERS))
def kind(request: pytest.FixtureRequest) -> str:
    """Each of the two formats."""
    return str(request.param)


@pytest.fixture
def lines(kind: str) -> Iterator[Callable[[], list[str]]]:
    """What vcfjobs has logged so far in this format, line by line as in a file."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(FORMATTERS[kind]())
    handler.addFilter(logs.AboutFilter())
    ours = logging.getLogger("vcfjobs")
    before = ours.level
    ours.addHandler(handler)
    ours.setLevel(logging.DEBUG)
    yield lambda: stream.getvalue().splitlines()
    ours.removeHandler(handler)
    ours.setLevel(before)


def names(line: str, kind: str, pk: object) -> bool:
    """Whether the line says in its own field that it is about the run."""
    return json.loads(line).get("run") == str(pk) if kind == "json" else f" run={pk} " in line


def text_of(line: str, kind: str) -> str:
    return json.loads(line)["message"] if kind == "json" else line


@pytest.fixture
def queued(tiny_assembly: str) -> Run:
    """A queued run with its stored file."""
    run = make_run()
    store_input(run)
    return run


@pytest.mark.django_db
def test_each_line_of_a_run_names_it(
    queued: Run, lines: Callable[[], list[str]], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the lines of a module that knows no run."""

    def no_index(*args: object, **options: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr(publication.pysam, "tabix_index", no_index)
    runner.run(queued.pk, task_id="t", worker="w")
    runner.run(queued.pk, task_id="t", worker="w")
    found = lines()
    assert [line for line in found if not names(line, kind, queued.pk)] == []
    for part in ("attempt 1 begins", "no tabix index", "attempt 1 succeeded", "nothing to do"):
        assert any(part in text_of(line, kind) for line in found), part


@pytest.mark.django_db
def test_each_line_of_an_unforeseen_failure_names_the_run(
    queued: Run, lines: Callable[[], list[str]], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(name: str) -> None:
        raise ZeroDivisionError(HOSTILE)

    monkeypatch.setattr("vcfjobs.references.open_assembly", broken)
    runner.run(queued.pk, task_id="t", worker="w")
    found = lines()
    assert all(names(line, kind, queued.pk) for line in found)
    assert any("ZeroDivisionError" in line for line in found)
    assert not any(set(line) & set("\x1b\x7f\x9b\0") for line in found)


@pytest.mark.django_db(transaction=True)
def test_the_lines_of_the_leases_thread_name_the_run(
    lines: Callable[[], list[str]], kind: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ANYVAR_LEASE_SECONDS = 0.3
    threads = []

    def away(runs: RunQuerySet, piece: Run) -> bool:
        threads.append(threading.current_thread())
        raise OperationalError

    monkeypatch.setattr(RunQuerySet, "renew", away)
    run = make_running()

    def work() -> str:
        with Lease(run):
            wait_until(lambda: any("not renewed" in line for line in lines()), "the thread logs", 10)
        return "succeeded"

    runner._attempt(run, work)
    assert threading.main_thread() not in threads
    assert all(names(line, kind, run.pk) for line in lines())


@pytest.mark.django_db(transaction=True)
def test_the_lines_of_the_loaders_thread_name_the_run(
    queued: Run,
    lines: Callable[[], list[str]],
    kind: str,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.ANYVAR_REGISTER = True
    write, threads = registry._write, []

    def telling(rows: list[registry.Row]) -> None:
        threads.append(threading.current_thread())
        logger.info("%s alleles", len(rows))
        write(rows)

    monkeypatch.setattr(registry, "_write", telling)
    assert runner.run(queued.pk, task_id="t", worker="w") == "succeeded"
    assert threads
    assert threading.main_thread() not in threads
    assert any("alleles" in text_of(line, kind) for line in lines())
    assert all(names(line, kind, queued.pk) for line in lines())


@pytest.mark.django_db(transaction=True)
def test_the_lines_of_a_submit_name_the_run(
    tiny_assembly: str, lines: Callable[[], list[str]], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(task: str, args: object) -> None:
        raise OSError

    monkeypatch.setattr(queue, "_send", hang)
    queue.close_breaker()
    run, _ = services.submit_run(
        upload=make_upload(),
        parameters=services.Parameters(assembly="tiny"),
        owner="",
        run_id="mine",
        run_async=True,
    )
    services.cancel_run(run)
    queue.close_breaker()
    found = lines()
    assert any("did not take" in text_of(line, kind) for line in found)
    assert any("cancelled" in text_of(line, kind) for line in found)
    assert all(names(line, kind, run.pk) for line in found)


@pytest.mark.django_db
def test_the_lines_of_a_shard_name_its_run(
    lines: Callable[[], list[str]], kind: str, tiny_assembly: str, settings: Settings, broker: list[Any]
) -> None:
    settings.ANYVAR_SHARD_BYTES = 100
    run = make_run(place=0)
    path = store_input(run)
    for number in range(10):
        runner.turn(run.pk, path, task_id=f"t{number}", worker="w")
        run.refresh_from_db()
        if run.status == Status.SUCCEEDED:
            break
    assert (run.status, run.shard_count > 1) == (Status.SUCCEEDED, True)
    assert any("shard 1" in text_of(line, kind) for line in lines())
    assert all(names(line, kind, run.pk) for line in lines())


def test_outside_of_a_run_a_line_names_none(lines: Callable[[], list[str]], kind: str) -> None:
    with about_run(uuid.uuid4()):
        pass
    logger.info("quiet")
    assert current().run == ""
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
    assert logs.escaped("Größe 大きさ 😀") == "Größe 大きさ 😀"


def fail() -> None:
    try:
        int("first\n2026-01-01 00:00:00,000 INFO forged")
    except ValueError as error:
        raise KeyError("second") from error


def test_an_exception_is_one_line_of_json_and_lines_of_its_record_as_text(
    lines: Callable[[], list[str]], kind: str
) -> None:
    pk = uuid.uuid4()
    with about_run(pk):
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
    logs.AboutFilter().filter(made)
    return made


def test_json_has_the_time_in_utc_and_its_own_fields_alone() -> None:
    line = json.loads(logs.JsonLines().format(record(request="<Request /vcf?run_id=x>", data={"args": []})))
    assert set(line) == {"time", "level", "logger", "message"}
    time = datetime.fromisoformat(line["time"])
    assert time.utcoffset() == datetime.now(UTC).utcoffset()
    assert abs((datetime.now(UTC) - time).total_seconds()) < 60


def test_a_workers_lines_name_the_delivery() -> None:
    app = Celery("test", set_as_current=False)

    @app.task  # type: ignore[untyped-decorator]
    def task() -> Any:
        return json.loads(logs.JsonLines().format(record()))["task_id"]

    assert task.apply(task_id="delivery-1").get() == "delivery-1"
    with about_run(uuid.uuid4(), "delivery-2"):
        assert json.loads(logs.JsonLines().format(record()))["task_id"] == "delivery-2"


def start(tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A process with these settings, which logs one line."""
    program = (
        "import django, logging, uuid; django.setup()\n"
        "from vcfjobs.log_context import about_run\n"
        "with about_run(uuid.UUID(int=7)): logging.getLogger('some.library').info('hello')\n"
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


def test_another_log_format_stops_the_start_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match="text or json"):
        logs.configuration("xml", "INFO")
    assert "LOG_FORMAT must be text or json." in start(tmp_path, LOG_FORMAT="xml").stderr
