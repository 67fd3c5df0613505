"""`python -m tests`: a pass that runs nothing fails the run and is named last."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.__main__ import Pass, run

GOOD = "def test_good(): pass\n"
# Each process of pytest-xdist collects another name.
DIFFERENT = """
import os, pytest
@pytest.mark.parametrize("name", [os.environ.get("PYTEST_XDIST_WORKER")])
def test_named(name): pass
"""


def _pass(folder: Path, title: str, text: str, *options: str) -> Pass:
    folder = folder / title
    folder.mkdir()
    (folder / "test_it.py").write_text(text)
    alone = {"PYTEST_ADDOPTS": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return Pass(title, ["-q", "-p", "no:cacheprovider", "-p", "xdist.plugin", *options, str(folder)], alone)


def _last_line(capfd: pytest.CaptureFixture[str]) -> str:
    return capfd.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("text", "options", "reason"),
    [
        ("import nothing_there\n", (), "No module named 'nothing_there'"),
        (DIFFERENT, ("-n", "2"), "Different tests were collected"),
        (GOOD, ("--no-such-option",), "exit code 4"),
    ],
    ids=["import error", "different tests", "usage"],
)
def test_a_pass_that_dies_at_collection_fails_the_run_with_that_sentence_last(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], text: str, options: tuple[str, ...], reason: str
) -> None:
    passes = [_pass(tmp_path, "First", text, *options), _pass(tmp_path, "Second", GOOD)]
    assert run(passes) != 0
    last = _last_line(capfd)
    assert last.startswith("First: NO TEST WAS RUN.")
    assert reason in last


def test_passes_that_pass_leave_nothing_to_say(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run([_pass(tmp_path, "First", GOOD)]) == 0
    assert capfd.readouterr().err == ""


def test_a_failed_test_is_no_error_of_the_collection(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run([_pass(tmp_path, "First", "def test_bad(): assert False\n")]) == 1
    assert capfd.readouterr().err == ""
