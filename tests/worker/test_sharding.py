"""A large run in shards has the same result as whole."""

from __future__ import annotations

import pysam
import pytest
from pytest_django import Settings

from tests.vrs.bcf.encoding import of_sites
from tests.worker.large_runs import (
    FORMATS,
    RECORDS,
    bgzf,
    files,
    finish,
    stored,
    text,
    text_of,
    turn,
    whole,
)
from vcfjobs import storage
from vcfjobs.models import Allele, Run, RunAlleles, Shard, Status
from vcfjobs.vrs.bgzf.files import BgzfWriter, read_gzi
from vcfjobs.worker import executor

pytestmark = [pytest.mark.django_db, pytest.mark.database, pytest.mark.usefixtures("broker", "tiny_assembly")]


@pytest.mark.parametrize("kind", [*FORMATS, "bcf"])
def test_the_result_is_that_of_the_whole_file(kind: str, settings: Settings) -> None:
    content = (FORMATS | {"bcf": of_sites})[kind](text_of(9000))
    settings.ANYVAR_SHARD_BYTES = 6_000 if kind == "bcf" else len(content) // 12  # a BCF is packed first
    expected = whole(content, settings)
    run = finish(stored(content))
    pieces = -(-len(content) // settings.ANYVAR_SHARD_BYTES)
    assert run.shard_count == pieces or kind in ("vcf.gz", "bcf")
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
        storage.beside(storage.result_path(run.pk, 1), "gzi").open("rb") as blocks,
    ):
        reader = BgzfReader(file, read_gzi(blocks))
        for start in range(0, len(plain), 4_321):
            assert b"".join(reader.read_range(start, start + 100)) == plain[start : start + 100]


def test_progress_adds_up_over_the_shards(cut_run: Run) -> None:
    seen = []
    for _ in range(cut_run.shards.count() - 1):
        shard = Shard.objects.filter(run=cut_run, status=Status.QUEUED).first()
        assert shard is not None
        turn(cut_run)
        shard.refresh_from_db()
        Run.objects.filter(pk=cut_run.pk).update(records_done=0)
        held = Shard.objects.filter(run=cut_run, status=Status.QUEUED).first()
        assert held is not None
        mine = Shard.objects.claim(held.pk, "t", "w")
        assert mine is not None
        assert mine.save_progress(1, 10)
        cut_run.refresh_from_db()
        done = sum(cut_run.shards.values_list("records_done", flat=True))
        seen.append(cut_run.records_done)
        assert cut_run.records_done == done > shard.records_done
        Shard.objects.filter(pk=held.pk).update(status=Status.QUEUED, records_done=0)
    assert seen == sorted(seen)
    assert finish(cut_run).records_done == RECORDS


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
    cut_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(BgzfWriter, "write", full)
    turn(cut_run)
    cut_run.refresh_from_db()
    assert "no space left" in cut_run.error
    assert files(cut_run) == ["input"]


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
