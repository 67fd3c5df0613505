"""A plugin of pytest's that writes why the tests could not be collected to the file COLLECTION_ERRORS.

pytest-xdist ends such a pass with the exit code of a failed test.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

VARIABLE = "COLLECTION_ERRORS"


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Write the first error's sentence: the exception, where there is one."""
    path = Path(os.environ[VARIABLE])
    if report.failed and not path.exists():
        lines = report.longreprtext.splitlines()
        raised = [line.removeprefix("E").strip() for line in lines if line.startswith("E ")]
        path.write_text(f"{report.nodeid}: {(raised or lines)[0]}")
