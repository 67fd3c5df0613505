"""P7: a file that kills whoever reads it stops after its attempts, and its neighbours are done."""

from __future__ import annotations

from tests.faults.conftest import Install
from tests.faults.files import LARGE, SMALL


def test_a_poison_file_fails_after_its_attempts_and_its_neighbours_finish(
    install: Install, shard_bytes: str
) -> None:
    made = install(ANYVAR_SHARD_BYTES=shard_bytes, CELERY_TASK_REJECT_ON_WORKER_LOST="true")
    made.start_web()
    made.start_worker("--concurrency=1", app="tests.faults.poisoned")
    lines = LARGE.splitlines(keepends=True)
    lines[150_000] = lines[150_000].replace(b"PASS", b"POISON")
    neighbours = [made.submit(SMALL) for _ in range(3)]
    poison = made.submit(b"".join(lines))
    neighbours += [made.submit(SMALL) for _ in range(3)]
    run = made.wait_for(poison, 120)
    assert (run["status"], run["error_code"]) == ("failed", "WORKER_LOST_ERROR")
    for location in neighbours:
        assert made.wait_for(location)["status"] == "succeeded"
    attempts = made.log("worker-1").count("killed") + made.log("worker-1").count("SIGKILL")
    assert attempts >= 3
    assert run["attempt"] == (3 if not run["shard_count"] else 1)
