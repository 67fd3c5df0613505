"""The image and the whole compose file: built, started, used over the proxy, hurt, upgraded, removed."""

from __future__ import annotations

import gzip
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conftest import PROJECT
from tests.images import base_images
from tests.images.podman import Podman, missing, own_podman
from tests.servers import free_port, wait_until

pytestmark = [pytest.mark.image, pytest.mark.skipif(bool(missing()), reason=missing())]

IMAGE = "vcfjobs:0.1"
MOST_BYTES = 450_000_000
FASTA = PROJECT / "demo" / "GRCh37.chr20.fa.gz"
DEMO = PROJECT / "demo" / "kgp_eur5.chr20.vcf.gz"


@pytest.fixture(scope="module")
def podman() -> Iterator[Podman]:
    """Podman with the base images and ours, built from this checkout."""
    with own_podman() as podman:
        base_images.provide(podman)
        pip = [part for name in sorted(os.environ) if name.startswith("PIP_") for part in ("--env", name)]
        podman(
            "build",
            "--network=host",
            *pip,
            *base_images.mounted("/etc/pip.conf", "/etc/ssl/certs", *_wheel_folders()),
            "--tag",
            IMAGE,
            str(PROJECT),
            timeout=1800,
        )
        yield podman


class Service:
    """The compose file's services, seen from outside."""

    def __init__(self, podman: Podman, port: int) -> None:
        self.podman = podman
        self.url = f"http://127.0.0.1:{port}"

    def compose(self, *arguments: str, check: bool = True, timeout: float = 600) -> str:
        """The output of a call of podman-compose."""
        return self.podman.compose(*arguments, cwd=PROJECT, check=check, timeout=timeout)

    def manage(self, *arguments: str) -> str:
        """The output of a management command, run where a worker runs."""
        return self.compose("exec", "-T", "worker", "python", "manage.py", *arguments)

    def submit(self, run_id: str) -> None:
        """Submit the demo file as an asynchronous run."""
        with DEMO.open("rb") as file:
            answer = requests.put(
                f"{self.url}/vcf",
                params={"run_async": "True", "run_id": run_id, "assembly": "GRCh37"},
                files={"vcf": file},
                timeout=60,
            )
        assert answer.status_code == 202, answer.text

    def run(self, run_id: str) -> dict[str, Any]:
        """The run as the API gives it."""
        answer = requests.get(f"{self.url}/runs/{run_id}/", timeout=60)
        return answer.json() if answer.ok else {}

    def wait_for(self, run_id: str) -> bytes:
        """The result, once the run has succeeded."""
        wait_until(lambda: self.run(run_id).get("status") == "succeeded", f"{run_id} has succeeded", 240)
        return requests.get(f"{self.url}/vcf/{run_id}", timeout=60).content


@pytest.fixture(scope="module")
def service(podman: Podman) -> Iterator[Service]:
    """The compose file, up."""
    port = free_port()
    podman.set_environment(
        SECRET_KEY="k" * 50, POSTGRES_PASSWORD="secret", VRS_LISTEN=f"127.0.0.1:{port}", ANYVAR_LEASE_SECONDS="6"
    )
    service = Service(podman, port)
    service.compose("down", "--volumes", check=False)
    try:
        service.compose("up", "--detach")
        wait_until(lambda: _is_ready(service.url), "the service is ready", 240)
        service.podman("cp", str(FASTA), f"{service.container('worker')}:/srv/vrs/sequences/demo.fa.gz")
        service.manage("load_reference", "GRCh37", "/srv/vrs/sequences/demo.fa.gz", "--force-unknown")
        yield service
    finally:
        service.compose("down", "--volumes", check=False)
