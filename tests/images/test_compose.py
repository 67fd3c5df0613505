"""The image and the whole compose file: built, started, used over the proxy, hurt, upgraded, removed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
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
VCF = PROJECT / "demo" / "kgp_eur5.chr20.vcf.gz"
CHROMOSOME_20 = "20=SQ.iy_UbUrvECxFRX5LPTH_KPojdlT7BKsf"
# The shortest lease that a busy machine keeps: a killed worker's run is taken over after it.
LEASE_SECONDS = "10"


@pytest.fixture(scope="module")
def podman() -> Iterator[Podman]:
    """Podman with the base images and ours, built from this checkout."""
    with own_podman() as podman:
        base_images.provide(podman)
        podman("build", "--network=host", *_pip_of_the_host(), "--tag", IMAGE, str(PROJECT), timeout=1800)
        yield podman


class Service:
    """The services of the compose file, as an operator and a client see them."""

    def __init__(self, podman: Podman, url: str) -> None:
        self.podman = podman
        self.url = url

    def compose(self, *arguments: str, check: bool = True) -> str:
        """The output of a call of podman-compose."""
        return self.podman.compose("--no-ansi", *arguments, cwd=PROJECT, check=check)

    def container(self, service: str) -> str:
        """The name of a service's first container."""
        return f"vrs_{service}_1"

    def is_ready(self) -> bool:
        """Whether the proxy, and behind it everything else, answers."""
        try:
            return requests.get(f"{self.url}/readyz", timeout=5).ok
        except requests.RequestException:
            return False

    def submit(self, run_id: str) -> None:
        """Submit the demo file as an asynchronous run."""
        with VCF.open("rb") as file:
            query = {"run_async": "True", "run_id": run_id, "assembly": "GRCh37"}
            answer = requests.put(f"{self.url}/vcf", params=query, files={"vcf": file}, timeout=60)
        assert answer.status_code == 202, answer.text

    def run(self, run_id: str) -> dict[str, Any]:
        """The run as the API gives it."""
        found: dict[str, Any] = requests.get(f"{self.url}/runs/{run_id}/", timeout=60).json()
        return found

    def result(self, run_id: str) -> str:
        """The annotated file, once the run has succeeded."""
        wait_until(lambda: self.run(run_id)["status"] == "succeeded", f"{run_id} has succeeded", 180)
        return requests.get(f"{self.url}/vcf/{run_id}", timeout=60).text


@pytest.fixture(scope="module")
def service(podman: Podman) -> Iterator[Service]:
    """The compose file's services, up, with the demo's reference registered; removed at the end."""
    port = free_port()
    podman.environment |= {
        "SECRET_KEY": "k" * 50,
        "POSTGRES_PASSWORD": "secret",
        "VRS_LISTEN": f"127.0.0.1:{port}",
        "ANYVAR_LEASE_SECONDS": LEASE_SECONDS,
    }
    service = Service(podman, f"http://127.0.0.1:{port}")
    service.compose("down", "--volumes", check=False)
    try:
        service.compose("up", "--detach", "--scale", "worker=2")
        wait_until(service.is_ready, "the service is ready", 180)
        worker = service.container("worker")
        podman("cp", str(FASTA), f"{worker}:/srv/vrs/work/reference.fa.gz")
        load = ["manage.py", "load_reference", "GRCh37", "/srv/vrs/work/reference.fa.gz"]
        podman("exec", worker, "python", *load, "--accession", CHROMOSOME_20)
        yield service
    finally:
        service.compose("down", "--volumes", check=False)


def test_the_image_is_small(podman: Podman) -> None:
    size = int(podman("image", "inspect", "--format", "{{.Size}}", IMAGE))
    assert size < MOST_BYTES, f"{size:,} bytes"


def test_it_runs_as_a_user_of_its_own_on_a_root_that_cannot_be_written(service: Service) -> None:
    for name in ("web", "worker"):
        container = service.container(name)
        assert service.podman("exec", container, "id", "-u").strip() == "10001"
        written = service.podman("exec", container, "touch", "/app/x", "/x", check=False)
        assert "Read-only file system" in written


def test_the_demo_is_annotated_over_the_proxy(service: Service) -> None:
    service.submit("demo")
    records = [line for line in service.result("demo").splitlines() if not line.startswith("#")]
    assert records
    assert all("VRS_Allele_IDs=ga4gh:VA." in line for line in records)


def test_another_worker_does_the_runs_of_a_killed_one(service: Service) -> None:
    names = [f"killed-{number}" for number in range(10)]
    for name in names:
        service.submit(name)
    service.podman("kill", "--signal", "KILL", service.container("worker"))
    expected = service.result("demo")
    for name in names:
        assert service.result(name) == expected


def test_an_upgrade_by_migrate_keeps_the_runs(service: Service) -> None:
    expected = service.result("demo")
    for name in ("web", "worker"):
        service.compose("stop", name)
    service.compose("run", "--rm", "migrate")
    service.compose("up", "--detach", "--scale", "worker=2")
    wait_until(service.is_ready, "the service is ready", 180)
    assert service.result("demo") == expected
    service.submit("after the upgrade".replace(" ", "-"))
    assert service.result("after-the-upgrade") == expected


def _pip_of_the_host() -> list[str]:
    """What lets pip in a build reach the package indexes that it reaches on the host."""
    settings = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True
    )
    paths = set(re.findall(r"(?<![\w:/])(?:file://)?(/[^\s'/][^\s']*)", settings.stdout))
    # The files of an index on disk lie beside its pages.
    named = {path.removesuffix("/simple") for path in paths}
    files = {"/etc/pip.conf", "/etc/xdg/pip", str(Path.home() / ".config" / "pip")}
    variables = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    passed = [part for pair in variables.items() for part in ("--env", "=".join(pair))]
    return [*base_images.mounted(*sorted(named | files)), *passed]
