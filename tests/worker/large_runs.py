"""Files that are cut into shards, and workers that do them."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from tests.factories import HEADER, make_run, store_input
from vcfjobs import storage
from vcfjobs.models import Run, Shard
from vcfjobs.vrs.bgzf.files import BgzfWriter
from vcfjobs.worker import executor

RECORDS = 900
BASES = "ACGT"


def text_of(records: int = RECORDS) -> bytes:
    """Sorted records on chr1, then on chrM: changes of one base with some REF that is wrong."""
    lines = []
    for contig in ("chr1", "chrM"):
        for number in range(records // 2):
            pos = 1 + number * 200 // (records // 2)
            lines.append(f"{contig}\t{pos}\tid{number}\t{BASES[number % 4]}\tACGTACG\t.\tPASS\tDP={number}\n")
    return (HEADER + "".join(lines)).encode()


def bgzf(text: bytes) -> bytes:
    """BGZF of many small blocks, none of which ends with a line."""
    out = io.BytesIO()
    for begin in range(0, len(text), 1001):
        writer = BgzfWriter(out)
        writer.write(text[begin : begin + 1001])
        writer.close_part()
    writer = BgzfWriter(out)
    writer.close()
    return out.getvalue()


FORMATS: dict[str, Callable[[bytes], bytes]] = {"vcf": bytes, "bgzf": bgzf, "vcf.gz": gzip.compress}


def stored(content: bytes, **columns: object) -> Run:
    run = make_run(queue_position=0, input_bytes=len(content), **columns)
    store_input(run, content)
    return run


def turn(run: Run, worker: str = "celery@here") -> str:
    """One turn of a worker, as the message of `run` brings it."""
    return executor.execute_next(
        run.pk, storage.input_path(run.pk), task_id=f"task-{timezone.now()}", worker=worker
    )


def finish(run: Run) -> Run:
    """Turns until the run is over."""
    for _ in range(200):
        turn(run)
        run.refresh_from_db()
        if run.is_final:
            return run
    raise AssertionError(run.status)


def whole(content: bytes, settings: Settings) -> Run:
    """The same file done without shards."""
    run = stored(content)
    size, settings.ANYVAR_SHARD_BYTES = settings.ANYVAR_SHARD_BYTES, 10**9
    finish(run)
    settings.ANYVAR_SHARD_BYTES = size
    assert run.shard_count == 0
    return run


def text(run: Run) -> bytes:
    return gzip.decompress(storage.result_path(run.pk, run.attempt).read_bytes())


def files(run: Run) -> list[str]:
    return sorted(path.name for path in storage.run_folder(run.pk).iterdir())


def lose(shard_or_run: Shard | Run) -> None:
    """Its worker is silent for longer than the lease."""
    type(shard_or_run).objects.filter(pk=shard_or_run.pk).update(
        lease_until=timezone.now() - timedelta(seconds=1)
    )


@contextmanager
def dying_in(monkeypatch: pytest.MonkeyPatch, module: object, function: str) -> Iterator[None]:
    """As by SIGKILL in that function: nothing behind it is done, and nothing is tidied up."""

    class KilledError(BaseException):
        """No handler of the service takes it."""

    def killed(*_: object, **__: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(module, function, killed)
        with pytest.raises(KilledError):
            yield
