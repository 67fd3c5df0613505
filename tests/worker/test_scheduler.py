"""The line: who is served next, whoever came first and with however much."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from tests.factories import make_run, make_running
from vcfjobs import storage
from vcfjobs.models import Run, Shard, Status
from vcfjobs.worker import maintenance, scheduler

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def submit(owner: str = "a", **columns: object) -> Run:
    """A queued run at the place that a submit gives it."""
    return make_run(owner=owner, queue_position=scheduler.next_position(owner), **columns)


def submit_at_once(owner: str, positions: Iterable[int]) -> None:
    """Queued runs at these positions."""
    Run.objects.bulk_create(
        Run(run_id=uuid.uuid4().hex, owner=owner, queue_position=position, attempt_limit=3)
        for position in positions
    )


def cut(run: Run, count: int) -> None:
    """What a worker does that claims a large run."""
    Run.objects.filter(pk=run.pk).update(
        status=Status.RUNNING, attempt=1, lease_until=None, deadline=None, shard_count=count
    )
    Shard.objects.bulk_create(
        Shard(run=run, cut_attempt=1, number=number, start=number, end=number + 1, attempt_limit=3)
        for number in range(count)
    )


def served(turns_taken: int) -> list[Run]:
    """The runs that the next turns go to, each done before the next is taken."""
    runs = []
    for _ in range(turns_taken):
        piece = scheduler.claim_next(uuid.uuid4().hex, "w")
        if piece is None:
            break
        piece.work_items().filter(pk=piece.pk).update(status=Status.SUCCEEDED)
        runs.append(piece.run if isinstance(piece, Shard) else piece)
    return runs


def owners(turns_taken: int) -> str:
    return "".join(run.owner for run in served(turns_taken))


def test_one_owners_runs_are_served_in_their_order() -> None:
    runs = [submit() for _ in range(5)]
    assert served(9) == runs


def test_a_thousand_runs_do_not_hold_up_the_next_owners_one() -> None:
    submit_at_once("a", range(1000))
    served(10)
    submit("b")
    assert "b" in owners(2)


def test_owners_with_much_and_with_little_take_turns() -> None:
    for _ in range(20):
        submit("a")
    served(5)
    for _ in range(4):
        submit("b")
    submit("c")
    assert sorted(owners(3)) == ["a", "b", "c"]
    assert owners(6).count("b") == 3
    assert owners(20) == "a" * 11


def test_what_an_owner_had_before_is_not_held_against_it() -> None:
    for _ in range(50):
        submit("a")
    served(50)
    submit("b")
    submit("b")
    submit("a")
    assert sorted(owners(2)) == ["a", "b"]


def test_work_under_way_counts_against_its_owner() -> None:
    for _ in range(10):
        submit("a")
    for _ in range(10):  # all under way, none done, nothing waits
        assert scheduler.claim_next(uuid.uuid4().hex, "w")
    for _ in range(3):
        submit("b")
    submit("a")
    assert "a" in owners(3)


def test_a_huge_run_shares_the_turns_with_another_owner() -> None:
    cut(submit("a"), 20)
    served(3)
    for _ in range(5):
        submit("b")
    assert sorted(owners(10)) == ["a"] * 5 + ["b"] * 5


def test_a_small_run_is_not_stuck_behind_its_owners_huge_one() -> None:
    huge = submit()
    cut(huge, 50)
    served(2)
    small = submit()
    assert small in served(2)


def test_a_huge_run_is_not_stuck_behind_small_ones_of_its_owner_that_keep_coming() -> None:
    huge = submit()
    cut(huge, 50)
    got = 0
    for _ in range(20):
        submit()
        got += served(1) == [huge]
    assert got >= 4


def test_shards_are_served_in_their_order() -> None:
    run = submit()
    cut(run, 4)
    numbers = []
    while isinstance(piece := scheduler.claim_next(uuid.uuid4().hex, "w"), Shard):
        numbers.append(piece.number)
    assert numbers == [0, 1, 2, 3]


def test_two_workers_at_once_take_two_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = submit(), submit()
    claim = type(Run.objects).claim

    def beaten(self: object, pk: object, task_id: str, worker: str) -> Run | None:
        monkeypatch.undo()
        assert Run.objects.claim(first.pk, "other", "w")
        return claim(Run.objects, pk, task_id, worker)

    monkeypatch.setattr(type(Run.objects), "claim", beaten)
    assert scheduler.claim_next("mine", "w") == second


def test_a_run_that_a_request_does_itself_is_not_in_the_line() -> None:
    make_run(queue_position=None)
    make_running(queue_position=None)
    assert scheduler.claim_next("t", "w") is None


def test_a_nearly_full_disk_lets_only_what_was_begun_go_on(settings: Settings) -> None:
    submit("b")
    huge = submit("a")
    cut(huge, 2)
    settings.ANYVAR_MIN_FREE_BYTES = storage.free_bytes() * 10
    assert owners(5) == "aa"
    settings.ANYVAR_MIN_FREE_BYTES = 0
    assert owners(5) == "b"


def test_a_turn_takes_few_queries_however_long_the_line_is(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(7):
        submit_at_once(f"owner{number}", range(40))
    with django_assert_max_num_queries(3):
        scheduler.claim_next("t", "w")
    cut(submit("zero"), 300)
    Run.objects.filter(status=Status.QUEUED).update(status=Status.CANCELLED)
    with django_assert_max_num_queries(8):
        scheduler.claim_next("t", "w")


def test_workers_at_once_share_out_the_turns_of_a_cut_run(monkeypatch: pytest.MonkeyPatch) -> None:
    huge = submit("a")
    cut(huge, 10)
    submit("b")
    claim_next, seen = type(Shard.objects).claim_next, []

    def another_first(self: object, *args: object) -> Shard | None:
        monkeypatch.undo()
        seen.append(scheduler.claim_next("other", "w"))  # sees the line while the first is at it
        return claim_next(Shard.objects, *args)

    monkeypatch.setattr(type(Shard.objects), "claim_next", another_first)
    first = scheduler.claim_next("mine", "w")
    assert isinstance(first, Shard)
    assert isinstance(seen[0], Run)
    assert seen[0].owner == "b"


@pytest.mark.usefixtures("broker")
def test_a_run_left_by_a_request_does_not_open_the_line_to_newcomers() -> None:
    for number in range(20):
        make_run(owner="a", queue_position=8000 + number)
    left = make_run(owner="c", queue_position=None, sent=None)
    maintenance.send_unsent()
    left.refresh_from_db()
    assert left.queue_position == 8000
    assert scheduler.next_position("b") == 8000
