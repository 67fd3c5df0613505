"""A small file that claims long records on thousands of contigs gets no index, which would take gigabytes."""

from __future__ import annotations

import pytest

from tests.factories import HEADER, make_run, store_input
from vcfjobs.models import Run
from vcfjobs.worker import executor
from vcfjobs.worker.index_size import FREE_CONTIGS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tiny_assembly")]

Ending = tuple[str, str, str, str]  # of a record: ALT, INFO, FORMAT and the sample


def deletion(info: str) -> Ending:
    """A symbolic deletion with this INFO."""
    return ("<DEL>", info, "GT", "0")


def annotated(contigs: int, record: Ending) -> Run:
    """A run of a file with one such record on each of many contigs, and one on a contig of the reference."""
    alt, info, form, sample = record
    text = HEADER.rstrip() + "\tFORMAT\ts\nchr1\t1\t.\tA\tC\t.\t.\t.\tGT\t0\n"
    text += "".join(
        f"c{number}\t1\t.\tA\t{alt}\t.\t.\t{info}\t{form}\t{sample}\n" for number in range(contigs)
    )
    run = make_run(input_bytes=len(text))
    store_input(run, text.encode())
    executor.run(run.pk, task_id="t", worker="w")
    run.refresh_from_db()
    assert run.status == "succeeded"
    return run


@pytest.mark.parametrize(
    "record",
    [
        deletion("END=536870000"),
        deletion("X=1;END= +0xFFFFFFF"),
        deletion("SVLEN=-536870000"),
        ("<*>", ".", "GT:LEN", "0:536870000"),
    ],
    ids=["END", "END in hex", "SVLEN", "LEN"],
)
def test_long_records_on_many_contigs_are_not_indexed(record: Ending) -> None:
    assert not annotated(2 * FREE_CONTIGS + 1, record).indexed


@pytest.mark.parametrize(
    ("contigs", "record"),
    [
        (10, deletion("END=536870000")),
        (3000, deletion("END=999")),  # as many as the decoys of GRCh38
        (3000, deletion(".")),
    ],
    ids=["few contigs", "short records", "no lengths"],
)
def test_other_files_are_indexed(contigs: int, record: Ending) -> None:
    assert annotated(contigs, record).indexed
