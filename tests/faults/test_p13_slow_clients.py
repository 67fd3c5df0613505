"""P13: slow clients cannot stop the service."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import ExitStack

import requests

from tests.faults.conftest import Install
from tests.faults.files import SMALL

SLOW = 50


def test_fifty_slow_uploads_leave_the_health_check_fast(install: Install) -> None:
    made = install()
    made.start_web()
    made.start_worker("--concurrency=1")
    over = threading.Event()
    with ExitStack() as stack:
        clients = []
        for _ in range(SLOW):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", made.port), timeout=30))
            client.sendall(
                b"PUT /vcf?run_async=true HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"
            )
            clients.append(client)

        def drip() -> None:
            while not over.wait(0.1):
                for client in clients:
                    client.sendall(b"#")

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            times = []
            for _ in range(200):
                began = time.monotonic()
                assert requests.get(f"{made.url}/healthz", timeout=10).status_code == 200
                times.append(time.monotonic() - began)
            assert sorted(times)[197] < 0.5
            assert made.wait_for(made.submit(SMALL))["status"] == "succeeded"
        finally:
            over.set()
            dripping.join()
