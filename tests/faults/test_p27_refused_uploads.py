"""P27: an upload that is refused or cut, wherever, leaves no file; of its forms see `tests/api`."""

from __future__ import annotations

import os
import random
import socket
import struct

from tests.e2e.processes import Service
from tests.factories import HEADER
from tests.faults.conftest import Install
from tests.faults.files import SMALL, records
from tests.servers import wait_until

TOKEN = "a-token-of-the-test"
BOUNDARY = "frontier"
CONTENT = records(2_000)
WRONG_REFERENCE = (HEADER + 50 * "chr1\t1\t.\tG\tC\t.\t.\t.\n").encode()


def bodies() -> list[tuple[str, bytes]]:
    """Content types and bodies: raw, a form, a form of two files."""
    part = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{{0}}"; filename="a.vcf"\r\n\r\n'
    end = f"\r\n--{BOUNDARY}--\r\n".encode()
    vcf, other = part.format("vcf").encode() + CONTENT, part.format("other").encode() + CONTENT
    form = f"multipart/form-data; boundary={BOUNDARY}"
    return [("application/octet-stream", CONTENT), (form, vcf + end), (form, vcf + b"\r\n" + other + end)]


def send(made: Service, address: str, kind: str, body: bytes, kept: int, *, token: str, reset: bool) -> None:
    """Send the first `kept` bytes of the body, then close the connection, or reset it."""
    with socket.create_connection(("127.0.0.1", made.port), timeout=30) as client:
        head = f"PUT {address} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        try:
            client.sendall(head.encode() + body[:kept])
            if kept == len(body):
                client.recv(1 << 16)
            elif reset:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass  # it was refused before the body was read


def test_whatever_is_cut_or_refused_leaves_no_file(install: Install) -> None:
    made = install(ANYVAR_AUTH_TOKEN_LIST=TOKEN)
    made.start_web()
    draw = random.Random(27)
    right = "/vcf?run_async=true"
    for number in range(150):
        kind, body = draw.choice(bodies())
        kept = draw.choice([0, draw.randrange(400), draw.randrange(len(body)), len(body) - 1])
        send(made, right, kind, body, kept, token=TOKEN, reset=bool(number % 2))
    for address in ("/vcf?run_async=true&assembly=x", "/vcf?wrong=1", "/annotated_vcf?run_async=true"):
        for kind, body in bodies():
            send(made, address, kind, body, len(body), token=TOKEN, reset=False)
    for kind, body in bodies():
        send(made, right, kind, body, len(body), token="wrong", reset=False)
    send(
        made,
        right,
        "application/octet-stream",
        WRONG_REFERENCE,
        len(WRONG_REFERENCE),
        token=TOKEN,
        reset=False,
    )
    work = made.folder / "work"
    wait_until(lambda: os.listdir(work / "spool") == [], "the spool is empty")
    assert made.runs() == []
    assert os.listdir(work / "runs") == []
    kind, body = "application/octet-stream", SMALL
    send(made, right, kind, body, len(body), token=TOKEN, reset=False)
    assert len(made.runs()) == 1
