"""When the kernel is used, where its code is kept, and what its parts are told apart by."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import threading
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import PROJECT
from tests.servers import wait_until
from tests.vrs.kernel.comparison import BothEngines
from tests.vrs.small_vcf import HEADER, record, reference, run
from vcfjobs.cache_folder import locked
from vcfjobs.vrs import kernel
from vcfjobs.vrs.kernel import library, messages
from vcfjobs.vrs.kernel.sha512 import INITIAL, LANES, add_block
from vcfjobs.vrs.vcf.annotate import annotate
from vcfjobs.vrs.vcf.batch import AlleleBatch
from vcfjobs.vrs.vcf.lines import open_text
from vcfjobs.vrs.vcf.options import Options
from vcfjobs.vrs.vcf.records import RecordAnnotator

ASK = """
import logging, sys
logging.basicConfig(level=logging.INFO, stream=sys.stdout)
from tests.vrs.small_vcf import reference
from vcfjobs.cache_folder import locked
from vcfjobs.vrs import kernel
from vcfjobs.vrs.vcf.options import Options
from vcfjobs.vrs.vcf.records import RecordAnnotator
{before}
loaded = kernel.load()
print(loaded, type(kernel.accelerated(RecordAnnotator(reference(), Options()))).__name__)
"""


def ask(before: str = "", **environment: str) -> str:
    """What a process of its own says of its kernel."""
    done = subprocess.run(
        [sys.executable, "-c", ASK.format(before=before)],
        cwd=PROJECT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_switched_off_the_pure_engine_does_all_the_work() -> None:
    assert ask(ANYVAR_KERNEL="off") == "False RecordAnnotator\n"


def test_without_numba_the_pure_engine_does_all_the_work() -> None:
    assert (
        ask("import importlib.util\nimportlib.util.find_spec = lambda name: None")
        == "False RecordAnnotator\n"
    )


def test_where_nothing_can_be_kept_the_pure_engine_does_all_the_work() -> None:
    said = ask(NUMBA_CACHE_DIR="/dev/null/kernel")
    assert said.endswith("False RecordAnnotator\n")
    assert "the pure engine is used" in said


@pytest.mark.usefixtures("compiled_kernel")
def test_what_was_compiled_before_is_read_from_the_cache() -> None:
    assert ask() == "True KernelAnnotator\n"  # without a line about compiling


@pytest.mark.usefixtures("compiled_kernel")
def test_a_process_that_finds_compiled_code_does_without_numba() -> None:
    said = ask("import atexit\natexit.register(lambda: print('numba' in sys.modules))")
    assert said == "True KernelAnnotator\nFalse\n"


@pytest.mark.usefixtures("compiled_kernel")
def test_a_process_waits_while_another_one_compiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled_before = library.code_path()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    told: list[str] = []
    compiled_here: list[bool] = []
    waiting = threading.Thread(target=lambda: compiled_here.append(library.load(told.append)))
    with locked(tmp_path):
        waiting.start()
        wait_until(lambda: bool(told), "the wait is announced")
        waiting.join(0.2)
        assert waiting.is_alive()
        shutil.copy(compiled_before, library.code_path())
    waiting.join(30)
    assert compiled_here == [False]
    assert told == [f"preparing the annotation kernel in {tmp_path}: up to a minute, once on a machine"]


@pytest.mark.usefixtures("compiled_kernel")
def test_damaged_code_is_not_linked_but_compiled_again(tmp_path: Path) -> None:
    code = library.code_path().read_bytes()
    damaged = tmp_path / "damaged.o"
    for content in (b"", code[:-1], code[:1000] + b"X" + code[1001:]):
        damaged.write_bytes(content)
        assert library.stored(damaged) is None
    damaged.write_bytes(code)
    assert library.stored(damaged) is not None


@pytest.mark.slow
def test_of_two_processes_on_an_empty_cache_one_compiles(tmp_path: Path) -> None:
    said: list[str] = []

    def start() -> None:
        said.append(ask(NUMBA_CACHE_DIR=str(tmp_path)))

    both = [threading.Thread(target=start) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert [text.splitlines()[-1] for text in said] == ["True KernelAnnotator"] * 2
    assert sum("kernel compiled in" in text for text in said) == 1


def test_nothing_is_compiled_unless_it_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "_loaded", False)
    pure = RecordAnnotator(reference(), Options())
    assert kernel.accelerated(pure) is pure


@pytest.mark.usefixtures("compiled_kernel")
def test_a_file_is_annotated_by_the_kernel_once_that_is_loaded() -> None:
    source = open_text(BytesIO(HEADER + record("A", "C") + record("T", "TAA", 14) + record("G", "T")))
    chunks = list(annotate(source, reference(), Options(collect_alleles=True)))
    assert isinstance(chunks[-1].alleles, AlleleBatch)


@pytest.mark.usefixtures("compiled_kernel")
def test_the_columns_of_a_batch_are_its_rows() -> None:
    from vcfjobs.vrs.kernel.annotator import KernelAnnotator

    pure = RecordAnnotator(reference(), Options(collect_alleles=True))
    lines = (
        record("A", "C") + record("T", "TAA", 14) + record("A", "ATTT") + record("T", "G", 4, "VRS_Ends=1")
    )
    batch = KernelAnnotator(pure).annotate(lines, 1).alleles
    assert isinstance(batch, AlleleBatch)
    rows = list(batch)
    assert len(batch) == len(rows) == 8
    assert rows[0] in batch
    assert batch.digests.shape == (8, 24)
    assert batch.columns.shape == (8, 7)
    assert [row[0] for row in rows] == [bytes(digest) for digest in batch.digests]
    assert [list(row[2:4]) for row in rows] == batch.columns[:, 1:3].tolist()
    assert {row[0] for row in rows} == {
        row[0] for row in run(HEADER + lines, options=Options(collect_alleles=True))[1]
    }


@pytest.mark.parametrize("size", [0, 111, 112, 239, 240, 500])
def test_sha_512_in_lanes_is_hashlibs(size: int) -> None:
    texts = [bytes((7 * lane + k) % 256 for k in range(size)) for lane in range(LANES)]
    words = np.zeros((5 * 16, LANES), np.uint64)
    state = np.repeat(INITIAL[:, None], LANES, axis=1)
    for lane, text in enumerate(texts):
        message = np.zeros(5 * 128, np.uint8)
        message[:size] = np.frombuffer(text, np.uint8)
        blocks = messages.pad(message, size)
        words[:, lane] = message.view(">u8")
    for block in range(blocks):
        add_block(state, words, 16 * block)
    digests = state.T.astype(">u8")
    assert [row.tobytes() for row in digests] == [hashlib.sha512(text).digest() for text in texts]


@pytest.mark.usefixtures("compiled_kernel")
@pytest.mark.parametrize("lanes", [1, LANES - 1, LANES, LANES + 1])
def test_literals_of_all_sizes_have_the_pure_engines_identifiers(lanes: int) -> None:
    """Sizes at which a message gets a block more, in full vectors and in such with lanes left over."""
    engines = BothEngines(reference())
    engines.compare(
        b"".join(record("A", "ACGT"[n % 4] * size + "CT") for size in range(320) for n in range(lanes)), 0
    )
