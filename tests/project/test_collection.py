"""Every test has one name: pytest-xdist's processes must collect the same, and people must read it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import PROJECT


def _collected(hash_seed: int, *options: str) -> list[str]:
    """The ids of all tests as a fresh process collects them."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:randomly", *options, "tests"],
        cwd=PROJECT,
        env=inherited | {"PYTHONHASHSEED": str(hash_seed), "FAULTS_ALL": "1"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if "::" in line]


@pytest.fixture(scope="module")
def names() -> list[str]:
    """The ids of all tests."""
    return _collected(1)


def test_ids_depend_neither_on_the_clock_nor_on_the_hash_seed(names: list[str]) -> None:
    assert len(names) > 2_000
    assert _collected(2, "-p", "tests.project.later_clock") == names


def test_ids_are_short_and_printable(names: list[str]) -> None:
    assert [name for name in names if len(name) > 220 or "\\x" in name or not name.isprintable()] == []
