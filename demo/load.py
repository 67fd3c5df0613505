"""Migrate the database and register the demo reference; a repeated call is quick."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
# The file is masked, so its digest is not chromosome 20's; with the accession, its ids are the usual ones.
CHROMOSOME_20 = "20=SQ.iy_UbUrvECxFRX5LPTH_KPojdlT7BKsf"


def manage(*arguments: str) -> None:
    """Run one management command; its output is shown."""
    subprocess.run([sys.executable, "manage.py", *arguments], cwd=PROJECT, check=True)


def main() -> None:
    """Set up what is missing."""
    manage("migrate", "--verbosity", "0")
    manage("load_reference", "GRCh37", "demo/GRCh37.chr20.fa.gz", "--accession", CHROMOSOME_20)


if __name__ == "__main__":
    main()
