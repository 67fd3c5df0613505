"""A large run in shards: the same result as whole, whatever is lost on the way."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pysam
import pytest
from django.db import OperationalError
from django.utils import timezone
from pytest_django import Settings

from tests.factories import HEADER, make_run, make_running, store_input
from vcfjobs import storage
from vcfjobs.errors import RunLostError
from vcfjobs.models import Allele, Run, RunAlleles, Shard, Status
from vcfjobs.runs import lifecycle
from vcfjobs.vrs.bgzf.files import BgzfWriter, read_gzi
from vcfjobs.worker import dispatch, executor, maintenance, sharding

pytestmark = [pytest.mark.django_db, pytest.mark.database, pytest.mark.usefixtures("broker", "tiny_assembly")]

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

    def killed(*_: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(module, function, killed)
        with pytest.raises(KilledError):
            yield


@pytest.mark.parametrize("kind", FORMATS)
def test_the_result_is_that_of_the_whole_file(kind: str, settings: Settings) -> None:
    settings.ANYVAR_SHARD_BYTES = 6_000
    content = FORMATS[kind](text_of(9000))
    expected = whole(content, settings)
    run = finish(stored(content))
    assert run.shard_count == -(-len(content) // 6_000) or kind == "vcf.gz"
    assert run.shard_count > 2
    assert (run.status, run.records_done) == (Status.SUCCEEDED, 9000)
    assert text(run) == text(expected)
    assert run.report == expected.report
    assert (run.indexed, run.progress) == (True, 1.0)
    assert run.result_text_bytes == expected.result_text_bytes
    assert run.result_bytes == storage.result_path(run.pk, run.attempt).stat().st_size
    assert files(run) == [f"{run.attempt}.vcf.gz{end}" for end in ("", ".gzi", ".tbi")]
    assert not Shard.objects.exists()
    with pysam.TabixFile(str(storage.result_path(run.pk, run.attempt))) as indexed:
        assert len(list(indexed.fetch("chrM"))) == 4500


def test_the_block_index_finds_any_byte_of_the_joined_result(settings: Settings) -> None:
    from vcfjobs.vrs.bgzf.files import BgzfReader

    settings.ANYVAR_SHARD_BYTES = 5_000
    run = finish(stored(text_of()))
    plain = text(run)
    with (
        storage.result_path(run.pk, 1).open("rb") as file,
        storage.result_blocks_path(run.pk, 1).open("rb") as blocks,
    ):
        reader = BgzfReader(file, read_gzi(blocks))
        for start in range(0, len(plain), 4_321):
            assert b"".join(reader.read_range(start, start + 100)) == plain[start : start + 100]


def test_the_compressed_bytes_are_the_same_whoever_was_lost(settings: Settings) -> None:
    settings.ANYVAR_SHARD_BYTES = 4_000
    expected = finish(stored(text_of()))
    run = stored(text_of())
    turn(run)
    for number in (0, 3):  # claimed by workers that are never heard of again
        shard = Shard.objects.get(run=run, number=number)
        assert Shard.objects.claim(shard.pk, f"lost-{number}", "celery@dead")
        lose(shard)
    maintenance.take_back_lost()
    run = finish(run)
    assert run.result_sha256 == expected.result_sha256
    assert storage.result_path(run.pk, 1).read_bytes() == storage.result_path(expected.pk, 1).read_bytes()


def test_a_joiner_that_is_lost_before_its_commit_costs_the_join_alone(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ANYVAR_SHARD_BYTES = 8_000
    run = stored(text_of())

    with dying_in(monkeypatch, executor, "_succeed"):
        finish(run)
    run.refresh_from_db()
    assert (run.status, run.attempt) == (Status.RUNNING, 1)
    attempts = list(run.shards.values_list("status", "attempt"))
    assert set(attempts) == {(Status.SUCCEEDED, 1)}
    assert "1.vcf.gz" in files(run)
    lose(run)
    maintenance.take_back_lost()
    run = finish(run)
    assert (run.status, run.attempt, run.records_done) == (Status.SUCCEEDED, 2, RECORDS)
    assert text(run).count(b"\n") == RECORDS + text(run).count(b"\n#") + 1


def test_a_worker_lost_before_it_recorded_the_shards_costs_the_cut_alone(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ANYVAR_SHARD_BYTES = 8_000
    run = stored(gzip.compress(text_of(9000)))
    with dying_in(monkeypatch, sharding, "create_shards"):
        turn(run)
    lose(run)
    maintenance.take_back_lost()
    run = finish(run)
    assert (run.status, run.records_done) == (Status.SUCCEEDED, 9000)


def test_progress_adds_up_over_the_shards(settings: Settings) -> None:
    settings.ANYVAR_SHARD_BYTES = 4_000
    run = stored(text_of())
    turn(run)
    seen = []
    for _ in range(run.shards.count() - 1):
        shard = Shard.objects.filter(run=run, status=Status.QUEUED).first()
        assert shard is not None
        turn(run)
        shard.refresh_from_db()
        Run.objects.filter(pk=run.pk).update(records_done=0)
        held = Shard.objects.filter(run=run, status=Status.QUEUED).first()
        assert held is not None
        mine = Shard.objects.claim(held.pk, "t", "w")
        assert mine is not None
        assert mine.save_progress(1, 10)
        run.refresh_from_db()
        done = sum(run.shards.values_list("records_done", flat=True))
        seen.append(run.records_done)
        assert run.records_done == done > shard.records_done
        Shard.objects.filter(pk=held.pk).update(status=Status.QUEUED, records_done=0)
    assert seen == sorted(seen)
    assert finish(run).records_done == RECORDS


def test_a_malformed_line_in_a_late_shard_is_named_by_its_line_in_the_file(settings: Settings) -> None:
    settings.ANYVAR_SHARD_BYTES = 4_000
    content = text_of()
    lines = content.splitlines(keepends=True)
    lines[700] = b"chr1\tsecret\t.\tA\tC\t.\t.\t.\n"
    run = finish(stored(b"".join(lines)))
    assert (run.status, run.error_code) == (Status.FAILED, "RUN_FAILURE")
    assert "Line 701 " in run.error
    assert files(run) == ["input"]
    assert not Shard.objects.exists()


def test_a_failed_run_is_cut_anew_by_a_retry(settings: Settings) -> None:
    settings.ANYVAR_SHARD_BYTES = 4_000
    run = stored(text_of())
    turn(run)
    turn(run)
    run.cancel()
    settings.ANYVAR_SHARD_BYTES = 9_000
    lifecycle.retry_run(run)
    run = finish(run)
    assert (run.status, run.records_done, run.attempt) == (Status.SUCCEEDED, RECORDS, 2)


def test_cancelling_removes_the_parts_and_stops_the_shards(settings: Settings) -> None:
    settings.ANYVAR_SHARD_BYTES = 4_000
    run = stored(text_of())
    turn(run)
    turn(run)
    shard = Shard.objects.claim_next(run.pk, "task", "w")
    assert shard is not None
    assert any(name.endswith(".shards") for name in files(run))
    lifecycle.cancel_run(run)
    assert files(run) == ["input"]
    assert not shard.renew(0)
    assert shard.complete() == (False, None)
    assert turn(run) == "nothing to do"


@pytest.mark.parametrize("when", ["before it looks", "after it looked"])
def test_who_tidies_up_late_takes_nothing_from_a_retry(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    run = stored(bgzf(text_of()))
    (storage.run_folder(run.pk) / "0.part.gz").touch()

    def retried_meanwhile() -> None:
        lifecycle.retry_run(run)
        finish(run)

    keep_input = storage.keep_input
    discard_output = sharding.discard_output
    if when == "before it looks":
        monkeypatch.setattr(sharding, "discard_output", lambda pk: (retried_meanwhile(), discard_output(pk)))
    else:
        monkeypatch.setattr(storage, "keep_input", lambda *given: (retried_meanwhile(), keep_input(*given)))
    lifecycle.cancel_run(run)
    done = finish(run)
    assert done.status == Status.SUCCEEDED
    assert text(done)
    assert files(done) == ["1.vcf.gz", "1.vcf.gz.gzi", "1.vcf.gz.tbi"]


def test_who_tidies_up_late_leaves_the_shards_of_a_retry(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ANYVAR_SHARD_BYTES = 2000
    run = stored(bgzf(text_of()))
    keep_input = storage.keep_input

    def cut_meanwhile(*given: Any) -> None:
        lifecycle.retry_run(run)
        turn(run)
        turn(run)
        keep_input(*given)

    monkeypatch.setattr(storage, "keep_input", cut_meanwhile)
    lifecycle.cancel_run(run)
    monkeypatch.setattr(storage, "keep_input", keep_input)
    assert run.shards.filter(status=Status.SUCCEEDED).count() == 1
    assert finish(run).status == Status.SUCCEEDED


def test_a_shard_whose_run_was_cancelled_ends_as_lost_and_leaves_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ANYVAR_SHARD_BYTES = 4_000
    run = stored(text_of())
    turn(run)
    complete = executor._complete

    def cancelled_first(*args: object) -> object:
        lifecycle.cancel_run(run)
        return complete(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(executor, "_complete", cancelled_first)
    assert turn(run) == "lost"
    assert files(run) == ["input"]


def test_a_zombies_shard_cannot_be_completed_over_anothers(settings: Settings) -> None:
    settings.ANYVAR_SHARD_BYTES = 4_000
    run = stored(text_of())
    turn(run)
    zombie = Shard.objects.claim_next(run.pk, "zombie", "w")
    assert zombie is not None
    lose(zombie)
    maintenance.take_back_lost()
    mine = Shard.objects.claim(zombie.pk, "mine", "w")
    assert mine is not None
    assert not zombie.renew(0)
    assert zombie.complete() == (False, None)
    completed, last_of = mine.complete()
    assert (completed, last_of) == (True, None)


def test_a_shard_that_kills_its_workers_fails_its_run(settings: Settings) -> None:
    settings.ANYVAR_SHARD_BYTES = 4_000
    run = stored(text_of())
    turn(run)
    shard = run.shards.get(number=2)
    for _ in range(settings.ANYVAR_RUN_MAX_ATTEMPTS):
        assert Shard.objects.claim(shard.pk, "t", "w")
        lose(shard)
        maintenance.take_back_lost()
    run.refresh_from_db()
    assert (run.status, run.error_code) == (Status.FAILED, "WORKER_LOST_ERROR")
    maintenance.drop_shards()
    assert files(run) == ["input"]
    assert not Shard.objects.exists()


def test_a_shard_over_its_deadline_ends_its_run_as_too_long(settings: Settings) -> None:
    settings.ANYVAR_SHARD_BYTES = 4_000
    run = stored(text_of())
    turn(run)
    run.refresh_from_db()
    assert run.deadline is None  # a shard has one, however many there are
    shard = Shard.objects.claim_next(run.pk, "t", "w")
    assert shard is not None
    maintenance.end_overdue()
    run.refresh_from_db()
    assert run.status == Status.RUNNING
    Shard.objects.filter(pk=shard.pk).update(deadline=timezone.now() - timedelta(seconds=1))
    maintenance.end_overdue()
    run.refresh_from_db()
    assert run.error_code == "TIME_LIMIT_EXCEEDED"


@pytest.mark.parametrize(("requeue", "status"), [(False, Status.FAILED), (True, Status.RUNNING)])
def test_a_dead_child_takes_its_shard_along_as_the_setting_says(
    requeue: bool, status: str, settings: Settings, broker: list[tuple[str, list[str]]]
) -> None:
    settings.ANYVAR_SHARD_BYTES = 4_000
    settings.REQUEUE_WHEN_CHILD_LOST = requeue
    run = stored(text_of())
    turn(run)
    run.refresh_from_db()
    maintenance.child_lost(run.task_id, run.worker, over_limit=False)  # it died right after the cut
    run.refresh_from_db()
    assert run.status == Status.RUNNING
    shard = Shard.objects.claim_next(run.pk, "task", "celery@here")
    assert shard is not None
    broker.clear()
    maintenance.child_lost("task", "celery@here", over_limit=False)
    run.refresh_from_db()
    assert run.status == status
    sent = (dispatch.WORK_ON_NEXT, [str(run.pk), str(storage.input_path(run.pk))])
    assert (sent in broker) == requeue


def test_a_run_without_a_lease_is_not_lost_while_its_shards_are_under_way(settings: Settings) -> None:
    settings.ANYVAR_SHARD_BYTES = 4_000
    run = stored(text_of())
    turn(run)
    maintenance.sweep()
    run.refresh_from_db()
    assert (run.status, run.lease_until, run.attempt) == (Status.RUNNING, None, 1)


def test_shards_that_the_broker_did_not_take_are_sent_by_the_sweep(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, broker: list[tuple[str, list[str]]]
) -> None:
    settings.ANYVAR_SHARD_BYTES = 4_000
    run = stored(text_of())
    with monkeypatch.context() as patch:
        patch.setattr(dispatch, "publish", lambda *_: False)
        turn(run)
    assert not run.shards.exclude(sent=None).exists()
    maintenance.send_unsent()
    assert len(broker) == run.shards.count()
    assert not run.shards.filter(sent=None).exists()


def test_a_file_of_another_assembly_fails_when_it_is_joined(settings: Settings) -> None:
    settings.ANYVAR_SHARD_BYTES = 4_000
    run = finish(stored(text_of().replace(b"chr1\t", b"chrUn\t").replace(b"chrM\t", b"chrUn\t")))
    assert run.status == Status.FAILED
    assert "No record lies on a contig of tiny" in run.error
    assert files(run) == ["input"]


def test_damaged_bgzf_fails_before_it_is_cut(settings: Settings) -> None:
    settings.ANYVAR_SHARD_BYTES = 700
    run = finish(stored(bgzf(text_of())[:-28]))
    assert "end block is missing" in run.error
    assert files(run) == ["input"]


@pytest.mark.django_db(transaction=True)
def test_shards_register_what_the_whole_file_holds(settings: Settings) -> None:
    settings.ANYVAR_REGISTER = True
    settings.ANYVAR_SHARD_BYTES = 10**9
    one = finish(stored(text_of()))
    count = Allele.objects.count()
    ids = {bytes(batch.digests) for batch in RunAlleles.objects.filter(run=one)}
    settings.ANYVAR_SHARD_BYTES = 4_000
    run = finish(stored(text_of()))
    assert Allele.objects.count() == count
    held = b"".join(bytes(batch.digests) for batch in RunAlleles.objects.filter(run=run))
    assert {held[at : at + 24] for at in range(0, len(held), 24)} == {
        digests[at : at + 24] for digests in ids for at in range(0, len(digests), 24)
    }


def test_a_full_disk_while_a_shard_is_written_fails_the_run_clearly(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ANYVAR_SHARD_BYTES = 4_000
    run = stored(text_of())
    turn(run)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(BgzfWriter, "write", full)
    turn(run)
    run.refresh_from_db()
    assert "no space left" in run.error
    assert files(run) == ["input"]


def test_only_files_above_the_setting_are_cut(settings: Settings) -> None:
    content = text_of()
    settings.ANYVAR_SHARD_BYTES = len(content)
    assert finish(stored(content)).shard_count == 0


def test_a_request_that_does_its_run_itself_never_cuts(settings: Settings) -> None:
    settings.ANYVAR_SHARD_BYTES = 4_000
    run = stored(text_of())
    executor.run(run.pk, task_id="", worker="web")
    run.refresh_from_db()
    assert (run.status, run.shard_count) == (Status.SUCCEEDED, 0)


def test_an_unsorted_file_is_known_though_each_shard_is_sorted(settings: Settings) -> None:
    settings.ANYVAR_SHARD_BYTES = 4_000
    lines = text_of().splitlines(keepends=True)
    records = lines[2:]
    run = finish(stored(b"".join(lines[:2] + records[450:] + records[:450])))
    assert run.indexed  # chrM before chr1: each in order
    run = finish(stored(b"".join(lines[:2] + records[200:450] + records[:200])))
    assert (run.status, run.indexed) == (Status.SUCCEEDED, False)


def test_a_run_of_a_request_that_died_is_given_to_the_workers() -> None:
    run = make_running(queue_position=None)
    lose(run)
    maintenance.take_back_lost()
    maintenance.send_unsent()
    run.refresh_from_db()
    assert (run.status, run.queue_position) == (Status.QUEUED, 0)


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_leaves_the_piece_to_the_sweep_and_fails_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ANYVAR_SHARD_BYTES = 8_000
    run = stored(text_of())
    turn(run)

    def away(*_: object) -> None:
        raise OperationalError("the database system is shutting down")

    for broken in ("annotate_shard", "join"):
        with monkeypatch.context() as patch:
            patch.setattr(sharding, broken, away)
            for _ in range(20):
                if turn(run) == "lost" or broken == "join":
                    run.refresh_from_db()
                    if run.lease_until is not None or broken == "annotate_shard":
                        break
        run.refresh_from_db()
        assert run.status == Status.RUNNING
        for each in (run, *run.shards.filter(status=Status.RUNNING)):
            if each.lease_until is not None:
                lose(each)
        maintenance.take_back_lost()
    run = finish(run)
    assert (run.status, run.records_done) == (Status.SUCCEEDED, RECORDS)


def test_shards_whose_record_was_not_heard_of_are_recorded_once(settings: Settings) -> None:
    settings.ANYVAR_SHARD_BYTES = 8_000
    run = stored(text_of())
    mine = Run.objects.claim(run.pk, "t", "w")
    assert mine is not None
    ranges = [(0, 20_000), (20_000, len(text_of()))]
    first = sharding.create_shards(mine, ranges)
    taken = Shard.objects.claim_next(run.pk, "fast", "w")
    part = storage.shard_path(run.pk, 1, 0, 1)
    part.write_bytes(b"being written")
    assert sharding.create_shards(mine, ranges) == first
    assert part.exists()
    assert taken is not None
    assert taken.renew(0)


def test_a_run_that_was_lost_before_its_shards_were_recorded_leaves_no_folder(settings: Settings) -> None:
    run = stored(text_of())
    mine = Run.objects.claim(run.pk, "t", "w")
    assert mine is not None
    run.cancel()
    with pytest.raises(RunLostError):
        sharding.create_shards(mine, [(0, 10)])
    assert files(run) == ["input"]


def test_trouble_after_the_cut_does_not_fail_the_run(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ANYVAR_SHARD_BYTES = 8_000
    run = stored(text_of())
    with monkeypatch.context() as patch:
        patch.setattr(dispatch, "send", lambda _: 1 / 0)
        turn(run)
    run.refresh_from_db()
    assert (run.status, run.shards.count()) == (Status.RUNNING, run.shard_count)
    assert finish(run).status == Status.SUCCEEDED


def test_workers_that_were_away_for_long_are_lost_and_not_slow(settings: Settings) -> None:
    settings.ANYVAR_SHARD_BYTES = 4_000
    run = stored(text_of())
    turn(run)
    shard = Shard.objects.claim_next(run.pk, "t", "w")
    assert shard is not None
    past = timezone.now() - timedelta(hours=2)
    Shard.objects.filter(pk=shard.pk).update(lease_until=past, deadline=past)
    maintenance.sweep()
    assert finish(run).status == Status.SUCCEEDED


@pytest.mark.parametrize("odd", ["DP=3;", ";", "DP=3;;AC=1"])
def test_borders_of_chunks_and_shards_change_no_byte_of_odd_records(odd: str, settings: Settings) -> None:
    lines = text_of().splitlines(keepends=True)
    for number in range(2, len(lines)):
        lines[number] = lines[number].rsplit(b"\t", 1)[0] + b"\t" + odd.encode() + b"\n"
    lines[500] = lines[500].replace(b"\n", b"VRS_Error=old\n")  # the chunks with it are looked into
    content = b"".join(lines)
    expected = whole(content, settings)
    settings.ANYVAR_SHARD_BYTES = 4_000
    assert text(finish(stored(content))) == text(expected)


def test_a_worker_lost_while_it_recompressed_leaves_nothing_when_the_run_is_done(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ANYVAR_SHARD_BYTES = 8_000
    run = stored(gzip.compress(text_of(9000)))
    with dying_in(monkeypatch, storage, "publish"):
        turn(run)
    assert "1.input.part" in files(run)
    lose(run)
    maintenance.take_back_lost()
    run = finish(run)
    assert files(run) == [f"2.vcf.gz{end}" for end in ("", ".gzi", ".tbi")]


def test_a_line_that_never_ends_is_refused_within_the_memory_of_its_limit(settings: Settings) -> None:
    import tracemalloc

    settings.ANYVAR_SHARD_BYTES = 20_000_000
    run = stored(text_of() + b"chr1\t9\t.\tA\t" + b"C" * 150_000_000)
    tracemalloc.start()
    run = finish(run)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert run.status == Status.FAILED
    assert "A line of the file is longer than" in run.error
    assert peak < 150_000_000


def test_many_contigs_that_end_late_have_no_index(settings: Settings) -> None:
    settings.ANYVAR_SHARD_BYTES = 4_000
    late = b"".join(b"c%d\t536870000\t.\tA\tC\t.\t.\t.\n" % number for number in range(300))
    run = finish(stored(text_of(100) + late))
    assert (run.status, run.indexed) == (Status.SUCCEEDED, False)


def test_a_lost_join_goes_on_though_the_disk_is_nearly_full(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ANYVAR_SHARD_BYTES = 8_000
    run = stored(text_of())
    with dying_in(monkeypatch, executor, "_join"):
        finish(run)
    run.refresh_from_db()
    lose(run)
    maintenance.take_back_lost()
    settings.ANYVAR_MIN_FREE_BYTES = storage.free_bytes() * 10
    assert finish(run).status == Status.SUCCEEDED
