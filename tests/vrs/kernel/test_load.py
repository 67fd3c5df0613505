"""When the kernel is used, where its code is kept, and what its parts are told apart by."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import PROJECT
from tests.servers import wait_until
from tests.vrs.small_vcf import HEADER, record, reference, run
from vcfjobs.cache_folder import locked
from vcfjobs.vrs import kernel
from vcfjobs.vrs.kernel import messages
from vcfjobs.vrs.kernel.sha512 import LANES, add_block, start
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
    said = ask("from numba.core import caching\ncaching.CacheImpl._locator_classes = []")
    assert said.endswith("False RecordAnnotator\n")
    assert "the pure engine is used" in said


@pytest.mark.usefixtures("compiled_kernel")
def test_what_was_compiled_before_is_read_from_the_cache() -> None:
    assert ask() == "True KernelAnnotator\n"  # without a line about compiling


@pytest.mark.usefixtures("compiled_kernel")
def test_a_process_waits_while_another_one_compiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vcfjobs.vrs.kernel import warm_up

    mark = tmp_path / "mark"
    monkeypatch.setattr(warm_up, "CACHE", tmp_path)
    monkeypatch.setattr(warm_up, "MARK", mark)
    told: list[str] = []
    waiting = threading.Thread(target=warm_up.run, args=[told.append])
    with locked(tmp_path):
        waiting.start()
        wait_until(lambda: bool(told), "the wait is announced")
        waiting.join(0.2)
        assert waiting.is_alive()
        assert not mark.exists()
    waiting.join(30)
    assert mark.exists()
    warm_up.run(told.append)
    assert told == [f"preparing the annotation kernel in {tmp_path}: up to a minute, once on a machine"]


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


@pytest.mark.usefixtures("compiled_kernel")
@pytest.mark.parametrize("lanes", [1, 3, LANES])
def test_sha_512_of_many_lanes_is_hashlibs(lanes: int) -> None:
    for size in (111, 239):
        of_size = [bytes((7 * lane + k) % 256 for k in range(size)) for lane in range(lanes)]
        state, work = np.empty((8, LANES), np.uint64), np.empty((8, LANES), np.uint64)
        words = np.empty((16, LANES), np.uint64)
        start(state, lanes)
        padded = [np.frombuffer(text + bytes(256 - size), np.uint8).copy() for text in of_size]
        for message in padded:
            blocks = messages.pad(message, size)
        for block in range(blocks):
            for lane, message in enumerate(padded):
                messages.load(words, lane, message.view(np.uint64)[16 * block :], 0, 16)
            add_block(state, words, work, lanes)
        digests = state[:, :lanes].T.astype(">u8")
        assert [row.tobytes() for row in digests] == [hashlib.sha512(text).digest() for text in of_size]
