"""Files that were made to break the engine end in a result or in an error of ours.

`make fuzz` looks for more of them, for ten minutes.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tests.vrs.pipeline import go_the_whole_way

CORPUS = Path(__file__).parent / "corpus"
SECONDS = 5


@pytest.mark.usefixtures("compiled_kernel")
@pytest.mark.parametrize("file", sorted(CORPUS.iterdir()), ids=lambda path: path.name)
def test_every_file_of_the_corpus_ends_in_a_result_or_an_error_of_ours(file: Path) -> None:
    go_the_whole_way(file.read_bytes())


def test_mutated_files_end_in_a_result_or_an_error_of_ours(tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris is not made for this machine")
    options = [f"-max_total_time={SECONDS}", f"-artifact_prefix={tmp_path}/"]
    fuzzed = subprocess.run(
        [sys.executable, "-m", "tests.vrs.fuzz", *options, tmp_path, CORPUS],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert fuzzed.returncode == 0, fuzzed.stderr[-5000:]
    tried = re.search(r"Done (\d+) runs", fuzzed.stderr)
    assert tried is not None
    assert int(tried[1]) > 100
