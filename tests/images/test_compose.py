"""The image and the whole compose file: built, started, used over the proxy, hurt, upgraded, removed."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conftest import PROJECT
from tests.images import base_images
from tests.images.podman import Podman, missing, own_podman
from tests.project.deployment import SECRETS
from tests.servers import free_port, wait_until

pytestmark = [pytest.mark.image, pytest.mark.skipif(bool(missing()), reason=missing())]

IMAGE = "vcfjobs:0.2"
MOST_BYTES = 450_000_000
FASTA = PROJECT / "demo" / "GRCh37.chr20.fa.gz"
VCF = PROJECT / "demo" / "kgp_eur5.chr20.vcf.gz"
CHROMOSOME_20 = "20=SQ.iy_UbUrvECxFRX5LPTH_KPojdlT7BKsf"
# The shortest that is not warned about: a killed worker's run is taken over after it.
LEASE_SECONDS = "18"
# A worker compiles the kernel at its first start.
START_SECONDS = 180.0
RUN_SECONDS = 120.0
# Of the demo's records in a row: a process is at them for seconds, and a kill comes in less than one.
COPIES = 600
# Of the database: the last but one.
EARLIER = "0007"


def _container(service: str, number: int = 1) -> str:
    return f"vrs_{service}_{number}"


WORKERS = (_container("worker", 1), _container("worker", 2))


@pytest.fixture(scope="module")
def podman() -> Iterator[Podman]:
    """Podman with the base images and ours, built from this checkout."""
    with own_podman() as podman:
        base_images.provide(podman)
        podman("image", "prune", "--force", "--filter", "until=24h")
        podman("build", "--network=host", *_pip_of_the_host(), "--tag", IMAGE, str(PROJECT), timeout=1800)
        yield podman


class Service:
    """The services of the compose file, as an operator and a client see them."""

    def __init__(self, podman: Podman, url: str) -> None:
        self.podman = podman
        self.url = url

    def compose(self, *arguments: str, check: bool = True) -> str:
        """The output of a call of podman-compose."""
        return self.podman.compose(*arguments, cwd=PROJECT, check=check)

    def up(self) -> None:
        """Start everything, with two workers, and wait until clients are served and runs are annotated.

        In the order that compose.yaml asks for, which Podman before 4.6 does not keep.
        """
        self.compose("up", "--detach", "--no-deps", "db", "redis")
        self.wait_until_healthy(_container("db"), _container("redis"))
        self.compose("run", "--rm", "--no-deps", "-T", "migrate")
        self.compose("up", "--detach", "--no-deps", "--scale", "worker=2", "web", "worker", "proxy")
        wait_until(self.is_ready, "the service is ready", START_SECONDS)
        self.wait_until_healthy(*WORKERS)

    def down(self) -> None:
        """Remove containers, networks and volumes. podman-compose forgets the second worker."""
        self.podman("rm", "--all", "--force", "--time", "0")
        self.compose("down", "--volumes", check=False)

    def execute(self, service: str, *command: str, check: bool = True, stdin: Path | None = None) -> str:
        """The output of a command in a service's first container."""
        return self.podman("exec", "--interactive", _container(service), *command, check=check, stdin=stdin)

    def is_healthy(self, container: str) -> bool:
        """Whether the health check of a container passes."""
        return not self.podman("healthcheck", "run", container, check=False, timeout=60).strip()

    def wait_until_healthy(self, *containers: str) -> None:
        """Wait for the health checks of containers."""
        for container in containers:
            wait_until(partial(self.is_healthy, container), f"{container} is healthy", START_SECONDS)

    def logged(self, words: str, *containers: str) -> int:
        """How often containers have logged these words."""
        return sum(self.podman("logs", container).count(words) for container in containers)

    def is_ready(self) -> bool:
        """Whether the proxy, and behind it everything else, answers."""
        try:
            return requests.get(f"{self.url}/readyz", timeout=5).ok
        except requests.RequestException:
            return False

    def submit(self, run_id: str, vcf: bytes) -> None:
        """Submit a VCF as an asynchronous run."""
        query = {"run_async": "True", "run_id": run_id, "assembly": "GRCh37"}
        files = {"vcf": ("demo.vcf.gz", vcf)}
        answer = requests.put(f"{self.url}/vcf", params=query, files=files, timeout=60)
        assert answer.status_code == 202, answer.text

    def run(self, run_id: str) -> dict[str, Any]:
        """What the service says of a run."""
        run: dict[str, Any] = requests.get(f"{self.url}/runs/{run_id}/", timeout=60).json()
        return run

    def result(self, run_id: str) -> bytes:
        """The annotated file, once the run has succeeded."""

        def succeeded() -> bool:
            run = self.run(run_id)
            assert run["status"] not in {"failed", "cancelled"}, run
            return bool(run["status"] == "succeeded")

        wait_until(succeeded, f"{run_id} has succeeded", RUN_SECONDS)
        compressed = self.run(run_id)["links"]["result"]
        return gzip.decompress(requests.get(f"{self.url}{compressed}", timeout=60).content)


@pytest.fixture(scope="module")
def service(podman: Podman) -> Iterator[Service]:
    """The compose file's services, up, with the demo's reference registered; removed at the end."""
    port = free_port()
    podman.environment |= SECRETS | {
        "VRS_LISTEN": f"127.0.0.1:{port}",
        "ANYVAR_LEASE_SECONDS": LEASE_SECONDS,
    }
    service = Service(podman, f"http://127.0.0.1:{port}")
    service.down()
    try:
        service.up()
        load = ("python", "manage.py", "load_reference", "GRCh37", "-", "--accession", CHROMOSOME_20)
        service.execute("worker", *load, stdin=FASTA)
        yield service
    finally:
        service.down()


@pytest.fixture(scope="module")
def demo(service: Service) -> bytes:
    """The annotated demo file, of the run of that name."""
    service.submit("demo", VCF.read_bytes())
    return service.result("demo")


@pytest.mark.parametrize("name", ["LICENSE", "NOTICE"])
def test_the_image_holds_the_licence_and_the_licences_of_its_dependencies(podman: Podman, name: str) -> None:
    output = podman("run", "--rm", "--network=none", "--no-healthcheck", IMAGE, "cat", name)
    assert output == (PROJECT / name).read_text()


def test_any_user_annotates_a_file_with_one_writable_folder(podman: Podman, tmp_path: Path) -> None:
    """As on a cluster, where Apptainer runs an image as the caller, on read-only files."""
    user, theirs = 4321, tmp_path / "theirs"
    for folder in (theirs, theirs / "work", theirs / "sequences", theirs / "kernel"):
        folder.mkdir()
        os.chown(folder, user, user)
    variables = ("DATABASE_URL=sqlite:////srv/vrs/db.sqlite3", "SECRET_KEY=any", "ANYVAR_KERNEL=off")
    options = [f"--env={variable}" for variable in variables]
    options += [
        f"--user={user}:{user}",
        "--read-only",
        "--cap-drop=all",
        "--network=none",
        "--no-healthcheck",
    ]
    options += [f"--volume={theirs}:/srv/vrs", f"--volume={PROJECT}/demo:/demo:ro", "--workdir=/"]
    for command in (
        ("migrate", "--verbosity=0"),
        ("load_reference", "GRCh37", f"/demo/{FASTA.name}", "--accession", CHROMOSOME_20),
        ("annotate_vcf", f"/demo/{VCF.name}", "--assembly=GRCh37", "--output=/srv/vrs/annotated.vcf"),
    ):
        podman("run", "--rm", *options, IMAGE, "python", "/app/manage.py", *command)
    assert _all_have_identifiers((theirs / "annotated.vcf").read_bytes())


def test_the_image_is_small(podman: Podman) -> None:
    size = int(podman("image", "inspect", "--format", "{{.Size}}", IMAGE))
    assert size < MOST_BYTES, f"{size:,} bytes"


@pytest.mark.parametrize("name", ["web", "worker"])
def test_our_processes_are_not_roots_and_cannot_write_to_the_image(service: Service, name: str) -> None:
    assert service.execute(name, "id", "-u").strip() == "10001"
    assert "Read-only file system" in service.execute(name, "touch", "/srv/vrs/x", check=False)


def test_nothing_is_logged_about_a_file_that_cannot_be_written(service: Service) -> None:
    for name in ("web", "worker", "proxy"):
        logged = service.podman("logs", _container(name))
        assert "Read-only" not in logged
        assert "Permission denied" not in logged


@pytest.mark.parametrize("name", ["web", "worker", "db", "redis"])
def test_the_health_check_passes(service: Service, name: str) -> None:
    service.wait_until_healthy(_container(name))


def test_the_health_check_of_the_web_process_fails_when_that_is_frozen(service: Service) -> None:
    service.execute("web", "sh", "-c", "kill -STOP -1", check=False)
    try:
        assert not service.is_healthy(_container("web"))
    finally:
        service.execute("web", "sh", "-c", "kill -CONT -1", check=False)
    wait_until(service.is_ready, "the service is ready again", START_SECONDS)


def test_the_demo_is_annotated_over_the_proxy(demo: bytes) -> None:
    assert _all_have_identifiers(demo)


def test_the_kernel_is_compiled_once_for_all_workers(service: Service) -> None:
    assert service.logged("annotation kernel compiled", *WORKERS) == 1
    ready = service.logged("annotation kernel ready", *WORKERS)
    service.podman("stop", "--time", "60", *WORKERS)
    service.podman("start", *WORKERS)
    service.wait_until_healthy(*WORKERS)
    assert service.logged("annotation kernel ready", *WORKERS) == ready + len(WORKERS)
    assert service.logged("annotation kernel compiled", *WORKERS) == 1


def test_runs_of_killed_workers_are_repeated_when_those_are_back(service: Service, demo: bytes) -> None:
    names = [f"killed-{number}" for number in range(2 * len(WORKERS))]
    large = gzip.compress(_repeated(gzip.decompress(VCF.read_bytes())), compresslevel=1)
    for name in names:
        service.submit(name, large)
    wait_until(lambda: any(_is_running(service, names)), "a run is running", RUN_SECONDS)
    try:
        service.podman("kill", "--signal", "KILL", *WORKERS)
        in_flight = _is_running(service, names)
    finally:
        service.podman("start", *WORKERS)
        service.wait_until_healthy(*WORKERS)
    expected = _repeated(demo)
    assert all(service.result(name) == expected for name in names)
    assert any(in_flight), "no run was in flight"
    assert [service.run(name)["attempt"] for name in names] == [2 if hit else 1 for hit in in_flight]


def test_an_upgrade_migrates_the_database_and_keeps_the_runs(service: Service, demo: bytes) -> None:
    try:
        service.compose("stop", "--timeout", "60", "web", "worker")
        # What an earlier release left.
        migrate = ("python", "manage.py", "migrate", "vcfjobs", EARLIER)
        service.compose("run", "--rm", "--no-deps", "-T", "migrate", *migrate)
    finally:
        service.up()
    assert "[ ]" not in service.execute("web", "python", "manage.py", "showmigrations")
    assert service.result("demo") == demo
    service.submit("upgraded", VCF.read_bytes())
    assert service.result("upgraded") == demo


def _split(vcf: bytes) -> tuple[list[bytes], list[bytes]]:
    """The lines of the header, and of the records."""
    lines = vcf.splitlines(keepends=True)
    header = [line for line in lines if line.startswith(b"#")]
    return header, lines[len(header) :]


def _all_have_identifiers(vcf: bytes) -> bool:
    """Whether there are records, and all of them are annotated."""
    _, records = _split(vcf)
    return bool(records) and all(b"VRS_Allele_IDs=ga4gh:VA." in line for line in records)


def _repeated(vcf: bytes) -> bytes:
    """The file with each record COPIES times in a row."""
    header, records = _split(vcf)
    return b"".join([*header, *(record * COPIES for record in records)])


def _is_running(service: Service, names: list[str]) -> list[bool]:
    return [service.run(name)["status"] == "running" for name in names]


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
