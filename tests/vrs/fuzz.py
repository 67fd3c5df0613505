"""Coverage-guided fuzzing of the engine: `python -m tests.vrs.fuzz [libFuzzer's options] tests/vrs/corpus`.

Mutated files go through the sniffer, the header, the records (by both engines), the cut and the ingest.
`corpus/` holds what reaches each part of the engine, and every input that once failed: test_fuzz.py tries
them all again.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["vcfjobs.vrs"]):
    from tests.vrs.pipeline import go_the_whole_way
    from vcfjobs.vrs import kernel

WORDS = Path(__file__).parent / "words.txt"

if __name__ == "__main__":
    kernel.load()  # outside of the instrumented imports: its functions are not Python's to trace
    atheris.Setup([*sys.argv, f"-dict={WORDS}", "-max_len=4096", "-timeout=10"], go_the_whole_way)
    atheris.Fuzz()
