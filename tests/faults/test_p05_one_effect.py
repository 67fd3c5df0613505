"""P5: a run has one effect, however often its message is delivered."""

from __future__ import annotations

import psycopg
import redis

from tests.faults.conftest import Install
from tests.faults.files import LARGE, RECORDS, SMALL
from tests.servers import PostgresServer, RedisServer, wait_until

DELIVER = """
from vcfjobs.worker import dispatch
from vcfjobs.models import Run
for run in Run.objects.all():
    dispatch.send(run)
"""


def test_a_message_that_is_delivered_three_times_is_done_once(install: Install) -> None:
    made = install()
    made.start_web()
    location = made.submit(LARGE)
    for _ in range(2):
        made.manage("shell", "-c", DELIVER)
    for _ in range(2):
        made.start_worker("--concurrency=1")
    run = made.wait_for(location)
    assert (run["status"], run["attempt"]) == ("succeeded", 1)
    delivered = ("worker-1", "worker-2")
    wait_until(lambda: sum(made.log(name).count("nothing to do") for name in delivered) >= 2, "all three are")
    again = made.wait_for(location)
    assert (again["attempt"], again["result_sha256"]) == (1, run["result_sha256"])


def test_connections_that_break_redeliver_nothing_twice(
    on_own_servers: Install, own_redis: RedisServer, own_postgres: PostgresServer, shard_bytes: str
) -> None:
    made = on_own_servers(ANYVAR_SHARD_BYTES=shard_bytes, ANYVAR_REGISTER="true")
    made.start_web()
    for _ in range(2):
        made.start_worker("--concurrency=1")
    location = made.submit(SMALL)
    calm = made.wait_for(location)["records_done"]
    with psycopg.connect(own_postgres.url) as database:
        row = database.execute("SELECT count(*) FROM vcfjobs_allele").fetchone()
    location = made.submit(LARGE)
    made.wait_until_written(location)
    with redis.Redis(port=own_redis.port) as client:
        for kind in ("normal", "pubsub"):
            client.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
    run = made.wait_for(location)
    assert (run["status"], run["attempt"], run["records_done"]) == ("succeeded", 1, RECORDS)
    with psycopg.connect(own_postgres.url) as database:
        after = database.execute("SELECT count(*) FROM vcfjobs_allele").fetchone()
    assert calm == 50
    assert row is not None
    assert after is not None
    assert row[0] <= after[0] <= 480  # 240 places, REF and ALT each
