"""systemd takes the shipped units, which expose little of the host."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.deployment import (
    DEPLOY,
    UNITS,
    environment_example,
    unit,
)


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_comes_back_after_a_failure_and_reads_the_environment(name: str) -> None:
    service = unit(name)["Service"]
    assert service["Restart"] == "on-failure"
    assert service["KillMode"] == "mixed"
    assert service["EnvironmentFile"] == "/etc/vrs/environment"
    assert service["User"] not in ("", "root")


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_may_write_where_the_example_keeps_its_files(name: str) -> None:
    writable = {f"/var/lib/{folder}" for folder in unit(name)["Service"]["StateDirectory"].split()}
    example = environment_example()
    assert {example["ANYVAR_VCF_ASYNC_WORK_DIR"], example["ANYVAR_SEQUENCE_DIR"]} <= writable


@pytest.mark.parametrize("name", UNITS)
def test_systemd_takes_its_unit(name: str, tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    text = (DEPLOY / "systemd" / f"{name}.service").read_text()
    here = tmp_path / f"{name}.service"
    here.write_text(text.replace("/opt/vrs/.venv/bin/", f"{Path(sys.executable).parent}/"))
    done = subprocess.run([analyze, "verify", str(here)], capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if name in line]
    assert not ours


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_exposes_little_of_the_host(name: str) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    path = DEPLOY / "systemd" / f"{name}.service"
    command = [analyze, "security", "--offline=true", "--threshold=20", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-200:]
