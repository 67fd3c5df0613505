"""What a starting Celery worker does, and does not do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import PROJECT

# What Celery does before the worker's own steps, and the first of these.
START = """
import sys
from anyvar_site.celery import app
app.loader.init_worker()
from vcfjobs.worker.bootstep import refuse_wrong_setup
refuse_wrong_setup("prefork")
print(*sys.modules, sep="\\n")
"""


def test_a_worker_imports_no_pages_and_runs_the_checks_once(tmp_path: Path) -> None:
    """They would take half as long again as its start, and 17 MB of each of its processes."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment |= {"SECRET_KEY": "x" * 60, "DATABASE_URL": f"sqlite:///{tmp_path / 'db'}"}
    done = subprocess.run(
        [sys.executable, "-c", START],
        cwd=PROJECT,
        env=environment | {"ANYVAR_VCF_ASYNC_WORK_DIR": str(tmp_path), "ANYVAR_SEQUENCE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    modules = done.stdout.split()
    assert "vcfjobs.tasks" in modules
    assert "anyvar_site.urls" not in modules
    assert done.stderr.count("vcfjobs.I001") == 1
