"""Fixtures of every test: folders of the test's own, servers, and a small registered reference."""

from __future__ import annotations

import io
import os
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
from pytest_django import Settings

from tests.notifications.receiver import SECRET, Receiver, receiving
from tests.servers import (
    MissingServerError,
    RedisServer,
    own_database,
    running_postgres,
    running_redis,
    started,
    wait_until,
)

Given = TypeVar("Given")

PROJECT = Path(__file__).resolve().parent.parent
SHARED = PROJECT.parent / "shared"

# 240 bases with runs, repeats and a stretch of N, so that every kind of allele can be placed.
TINY_CONTIG = (
    "ACGTTGCAAGGCTTACGATCGAAAAAAAAATCGGATCCTAGCAGCAGCAGCAGCAGTTGACCATGAGTGTGTGTGTGTCC"
    "ATAGGCTANNNNNNNNGATTACAGATTCTAGCTTGCAACGTACGTACACGTTCATGCCATTAGGCGCTAAAGACAATTAC"
    "ATAACATACACGTCAGCACGAAACTTGTTGGCCCAGTGTGAATCGGGGGGTACCATTGCGCATATCCGGTTAACGTGCAT"
)


# What the tests of a folder are marked with.
MARKERS = {
    "browser": ("browser", "e2e"),
    "clients": ("client", "e2e"),
    "e2e": ("e2e",),
    "faults": ("fault",),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark by folder; order so that no core is left idle at the end, and the browser's are together."""
    here = Path(__file__).parent
    for item in items:
        folder = item.path.relative_to(here).parts[0] if here in item.path.parents else ""
        for name in MARKERS.get(folder, ()):
            item.add_marker(name)
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    longest_first = ("image", "slow", "browser", "e2e")
    ranks = (rank for rank, name in enumerate(longest_first) if item.get_closest_marker(name))
    return next(ranks, len(longest_first))


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """SQLite in a file, as in service: in memory it locks whole tables instead of waiting."""
    from django.db import connection

    if connection.vendor == "sqlite":
        folder = tmp_path_factory.mktemp("database")
        connection.settings_dict["TEST"]["NAME"] = str(folder / "test.sqlite3")


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, settings: Settings) -> None:
    """No test touches the folders of a real service."""
    settings.ANYVAR_VCF_ASYNC_WORK_DIR = tmp_path / "work"
    settings.ANYVAR_SEQUENCE_DIR = tmp_path / "sequences"
    settings.ANYVAR_SEQUENCE_DIR.mkdir()
    # The registry loads over a connection of its own, which does not see a test's open transaction.
    settings.ANYVAR_REGISTER = False
    for name in ("spool", "runs"):
        (tmp_path / "work" / name).mkdir(parents=True)


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Settings) -> None:
    """Half a second of hashing for each password says nothing about this service."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def tiny_assembly(db: None) -> str:
    """A registered assembly `tiny` with the contigs chr1 and chrM of TINY_CONTIG; its name."""
    from vcfjobs.references.register import load_reference

    fasta = f">chr1\n{TINY_CONTIG}\n>chrM\n{TINY_CONTIG[::-1]}\n".encode()
    load_reference(
        name="tiny",
        fasta=io.BytesIO(fasta),
        source="tiny.fa",
        accessions={},
        canonical=False,
        replace=False,
        on_progress=lambda _: None,
    )
    return "tiny"


@pytest.fixture
def hung_broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A broker that answers as soon as the event is set."""
    from vcfjobs.worker import dispatch

    go_on = threading.Event()

    def hang() -> int:
        go_on.wait(30)
        return 1

    monkeypatch.setattr(dispatch, "waiting", hang)
    yield go_on
    go_on.set()
    wait_until(lambda: not dispatch._asking.locked(), "nobody waits for the broker")


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A real Redis; use it under a queue name and key prefix of the test's own."""
    yield from server_or_skip(running_redis)


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A Redis of the test's own, which it may stop, freeze and wipe."""
    yield from server_or_skip(partial(started, RedisServer))


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real PostgreSQL, in which tests make databases of their own."""
    yield from server_or_skip(running_postgres)


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """A fresh, empty database on a real PostgreSQL."""
    with own_database(postgres_url) as url:
        yield url


def server_or_skip(server: Callable[[], AbstractContextManager[Given]]) -> Iterator[Given]:
    """What the context manager that `server` makes gives; the test is skipped where it is not installed."""
    try:
        with server() as given:
            yield given
    except MissingServerError as missing:
        if os.environ.get("CI"):
            raise  # in CI nothing is skipped for want of a server
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of known answers and real files beside the project, where it is there."""
    if not SHARED.is_dir():
        pytest.skip("the folder with known answers and real files is not beside the project")
    return SHARED


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str]]]:
    """What was handed to the broker, which takes everything."""
    from vcfjobs.worker import dispatch

    sent: list[tuple[str, list[str]]] = []

    def take(task: str, args: list[str]) -> bool:
        sent.append((task, list(args)))
        return True

    monkeypatch.setattr(dispatch, "publish", take)
    return sent


@pytest.fixture
def secret(settings: Settings) -> None:
    """Webhooks are signed by the key of SECRET, and may go nowhere yet."""
    settings.ANYVAR_CALLBACK_SECRET = [b64decode(SECRET.removeprefix("whsec_"))]
    settings.ANYVAR_CALLBACK_HOSTS = []
    settings.ANYVAR_CALLBACK_PRIVATE_HOSTS = []


@pytest.fixture
def receiver(secret: None, settings: Settings) -> Iterator[Receiver]:
    """A receiver of webhooks in the private network, which the operator has listed as such."""
    from vcfjobs.notifications.origins import listed_origin

    with receiving() as made:
        settings.ANYVAR_CALLBACK_PRIVATE_HOSTS = [listed_origin(made.origin)]
        yield made
