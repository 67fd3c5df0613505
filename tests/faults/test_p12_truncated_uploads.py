"""P12: an upload that breaks off is refused, and nothing of it stays."""

from __future__ import annotations

import os
import socket
import time

import pytest

from tests.faults.conftest import Install
from tests.faults.files import SMALL, records
from tests.servers import wait_until

CONTENT = records(20_000)
BOUNDARY = "frontier"


def body(*, multipart: bool) -> tuple[str, bytes]:
    """The content type and the body of an upload."""
    if not multipart:
        return "application/octet-stream", CONTENT
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="vcf"; filename="a.vcf"\r\n\r\n'
    return (
        f"multipart/form-data; boundary={BOUNDARY}",
        head.encode() + CONTENT + f"\r\n--{BOUNDARY}--\r\n".encode(),
    )


@pytest.mark.parametrize("multipart", [True, False], ids=["multipart", "raw"])
def test_a_socket_that_is_closed_before_the_end_leaves_nothing(install: Install, multipart: bool) -> None:
    made = install()
    made.start_web()
    kind, whole = body(multipart=multipart)
    for fraction in (0, 0.01, 0.5, 0.999):
        for half in (False, True):  # closed altogether; closed for writing, so that the answer can be read
            with socket.create_connection(("127.0.0.1", made.port), timeout=30) as client:
                head = f"PUT /vcf?run_async=true HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
                client.sendall(f"{head}Content-Length: {len(whole)}\r\n\r\n".encode())
                client.sendall(whole[: int(len(whole) * fraction)])
                if half:
                    client.shutdown(socket.SHUT_WR)
                    assert b" 400 " in client.recv(65536).split(b"\r\n", 1)[0]
    spool = made.folder / "work" / "spool"
    wait_until(lambda: os.listdir(spool) == [], "the spool is empty", 10)
    assert made.runs() == []
    assert os.listdir(made.folder / "work" / "runs") == []
    made.submit(SMALL)


def test_a_client_that_stalls_and_goes_away_leaves_nothing(install: Install) -> None:
    made = install()
    made.start_web()
    with socket.create_connection(("127.0.0.1", made.port), timeout=30) as client:
        head = "PUT /vcf?run_async=true HTTP/1.1\r\nHost: localhost\r\n"
        client.sendall(f"{head}Content-Length: {len(CONTENT)}\r\n\r\n".encode() + CONTENT[:1000])
        time.sleep(0.5)
    wait_until(lambda: os.listdir(made.folder / "work" / "spool") == [], "the spool is empty", 10)
    assert made.runs() == []
