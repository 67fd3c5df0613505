"""Annotate the demo VCF as a client would: start web and worker, submit, poll, print, stop.

It uses only Python's standard library for HTTP, so the file is also an example of a client.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from load import PROJECT
from load import main as load

VCF = PROJECT / "demo" / "kgp_eur5.chr20.vcf.gz"
BIN = Path(sys.executable).parent
LOGS = PROJECT / "var" / "log"
RECORDS_SHOWN = 3


def main() -> None:
    """The whole session; the exit code is not 0 when something failed."""
    load()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with service(port):
        until_ready(f"{url}/readyz")
        run = submit(url)
        text = poll(f"{url}{run['location']}")
        summary = json.load(urllib.request.urlopen(f"{url}/runs/{run['run_id']}/"))
    show(text, summary)


@contextmanager
def service(port: int) -> Iterator[None]:
    """Web and worker as two processes, stopped at the end."""
    web = [str(BIN / "gunicorn"), "anyvar_site.wsgi", "--bind", f"127.0.0.1:{port}"]
    worker = [str(BIN / "celery"), "-A", "anyvar_site", "worker", "--loglevel=INFO"]
    started = [start("web", web), start("worker", worker)]
    try:
        yield
    finally:
        for process in started:
            process.send_signal(signal.SIGTERM)
        for process in started:
            process.wait(timeout=60)


def start(name: str, command: list[str]) -> subprocess.Popen[bytes]:
    """One process whose output goes to a log file."""
    LOGS.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with (LOGS / f"demo-{name}.log").open("wb") as log:
        say(f"starting the {name} process, log in var/log/{log.name.rsplit('/', 1)[-1]}")
        return subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=log, stderr=log)


def until_ready(url: str, seconds: float = 60) -> None:
    """Return when the service is ready."""
    give_up = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:  # refused, reset, or no answer in time
            if time.monotonic() > give_up:
                sys.exit(f"The service was not ready within {seconds:.0f} s: see var/log/")
            time.sleep(0.2)
        else:
            return


def submit(url: str) -> dict[str, Any]:
    """PUT the file as multipart/form-data, as AnyVar's clients do."""
    boundary = uuid.uuid4().hex
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="vcf"; filename="{VCF.name}"\r\n'
        "Content-Type: application/gzip\r\n\r\n"
    )
    body = head.encode() + VCF.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
    query = "run_async=True&assembly=GRCh37&add_vrs_attributes=True"
    request = urllib.request.Request(f"{url}/vcf?{query}", data=body, method="PUT")
    request.add_header("Content-Type", f"multipart/form-data; boundary={boundary}")
    with urllib.request.urlopen(request) as answer:
        accepted: dict[str, Any] = json.load(answer)
        say(f"PUT /vcf?{query}\n  {answer.status} {json.dumps(accepted)}")
        return accepted | {"location": answer.headers["Location"]}


def poll(url: str) -> str:
    """GET until the answer is no longer 202, at the interval that the service asks for."""
    while True:
        with urllib.request.urlopen(url) as answer:
            say(f"GET {url.split('/', 3)[3]}\n  {answer.status} {answer.headers['Content-Type']}")
            if answer.status != 202:
                return str(answer.read().decode())
            time.sleep(int(answer.headers["Retry-After"]))


def show(text: str, summary: dict[str, Any]) -> None:
    """The first annotated records, cut to the terminal's width, and the service's counts."""
    width = shutil.get_terminal_size((160, 24)).columns
    records = [line for line in text.splitlines() if not line.startswith("#")]
    say("\nThe first annotated records:")
    for record in records[:RECORDS_SHOWN]:
        chrom, pos, _, ref, alt, _, _, info = record.split("\t")[:8]
        say(f"  {chrom}:{pos} {ref}>{alt}")
        for field in info.split(";"):
            if field.startswith("VRS_"):
                say(f"    {field}"[:width])
    say(f"\n{len(records)} records annotated. The service's summary:")
    say(json.dumps(summary.get("report") or summary, indent=2)[:2000])


def say(text: str) -> None:
    """Print without buffering, also into a pipe."""
    print(text, flush=True)


def free_port() -> int:
    """A free port of the loopback interface."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


if __name__ == "__main__":
    main()
