"""The embedded broker: no half message, no message twice, nothing that makes a worker exit."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from kombu.connection import Connection

from anyvar_site import filesystem_broker
from anyvar_site.filesystem_broker import MESSAGE, broker_settings


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    made = broker_settings(tmp_path / "broker")
    with Connection(made["broker_url"], transport_options=made["broker_transport_options"]) as opened:
        yield opened


def message(number: int) -> dict[str, Any]:
    return {"body": number, "properties": {}}


def drain(channel: Any, queue: str = "q") -> list[int]:
    taken = []
    while True:
        try:
            taken.append(channel._get(queue)["body"])
        except Empty:
            return taken


def test_messages_come_out_once_in_the_order_in_which_they_went_in(connection: Connection) -> None:
    channel = connection.default_channel
    for number in range(20):
        channel._put("q", message(number))
    assert channel._size("q") == 20
    assert drain(channel) == list(range(20))
    assert channel._size("q") == 0


def test_each_message_goes_to_exactly_one_of_many_takers(connection: Connection) -> None:
    channel = connection.default_channel
    for number in range(200):
        channel._put("q", message(number))
    taken: list[list[int]] = []
    threads = [threading.Thread(target=lambda: taken.append(drain(channel))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(number for part in taken for number in part) == list(range(200))


def test_queues_do_not_mix_and_their_names_are_no_paths(connection: Connection, tmp_path: Path) -> None:
    channel = connection.default_channel
    names = ["q", "q2", "*", "../q", "a/b"]
    for number, name in enumerate(names):
        channel._put(name, message(number))
    assert [drain(channel, name) for name in names] == [[number] for number in range(len(names))]
    assert {path.name for path in tmp_path.iterdir()} >= {"broker"}
    assert not (tmp_path / "q").exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"no": "properties"}', b"\xff\xfe", b"null"],
    ids=["empty", "cut", "list", "no properties", "no text", "null"],
)
def test_what_cannot_be_read_is_put_aside_and_the_next_is_taken(
    connection: Connection, tmp_path: Path, content: bytes
) -> None:
    channel = connection.default_channel
    channel._put("q", message(1))
    folder = tmp_path / "broker" / "q-q"
    (folder / f"0{MESSAGE}").write_bytes(content)
    assert drain(channel) == [1]
    assert any(path.name.startswith(".unreadable-") for path in folder.iterdir())


def test_what_killed_workers_and_unreadable_messages_leave_is_deleted_after_a_day(
    connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = connection.default_channel
    channel._put("q", message(1))
    folder = tmp_path / "broker" / "q-q"
    leftovers = {f".taken-0{MESSAGE}", f".unreadable-1{MESSAGE}", ".draft"}
    for name in leftovers:
        (folder / name).touch()
        os.utime(folder / name, (0, 0))  # a message may wait for long before it is taken
    monkeypatch.setattr(filesystem_broker, "CLEANUP_SECONDS", 0)
    assert drain(channel) == [1]
    assert {path.name for path in folder.iterdir()} == leftovers
    monkeypatch.setattr(filesystem_broker, "LEFTOVER_SECONDS", -1)
    channel._put("q", message(2))
    assert drain(channel) == [2]
    assert not list(folder.iterdir())


def test_a_message_that_is_being_written_is_not_seen(connection: Connection, tmp_path: Path) -> None:
    channel = connection.default_channel
    channel._put("q", message(1))
    (tmp_path / "broker" / "q-q" / ".draft").write_bytes(b"{")
    assert channel._size("q") == 1
    assert drain(channel) == [1]


def test_a_full_disk_is_an_error_and_leaves_no_half_message(
    connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "no space")

    channel = connection.default_channel
    channel._put("q", message(1))
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        channel._put("q", message(2))
    assert len(list((tmp_path / "broker" / "q-q").iterdir())) == 1


def test_the_folders_are_ours_alone(connection: Connection, tmp_path: Path) -> None:
    connection.default_channel._put("q", message(1))
    assert stat.S_IMODE((tmp_path / "broker" / "q-q").stat().st_mode) == 0o700


def test_purging_empties_one_queue(connection: Connection) -> None:
    channel = connection.default_channel
    for name in ("q", "other"):
        channel._put(name, message(1))
    assert channel._purge("q") == 1
    assert (channel._size("q"), channel._size("other")) == (0, 1)


def test_what_is_taken_and_not_acknowledged_is_given_back_at_shutdown(connection: Connection) -> None:
    channel = connection.channel()
    queue = connection.SimpleQueue("simple")
    queue.put({"x": 1})
    queue.close()
    channel.basic_qos(0, 1, False)
    channel.queue_declare("simple")
    got: list[Any] = []
    channel.basic_consume("simple", False, got.append, "tag")
    connection.drain_events(timeout=2)
    assert len(got) == 1
    channel.qos.restore_unacked_once()
    assert channel._size("simple") == 1


def test_the_number_waiting_is_what_the_service_asks_for(connection: Connection) -> None:
    channel = connection.default_channel
    channel._put("q", message(1))
    assert channel.queue_declare("q", passive=True).message_count == 1
