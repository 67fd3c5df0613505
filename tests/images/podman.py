"""Podman for the tests: an image store of its own, in a mount namespace of its own.

The store is kept between runs, so that base images are made once; nothing of it is seen by the podman that
the machine's user calls.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

STORE = Path(os.environ.get("IMAGE_TEST_STORE", "/var/tmp/vcfjobs-image-test"))
NAME_SERVER_PID = "/run/containers/networks/aardvark-dns/aardvark.pid"
PROGRAMS = ("podman", "debootstrap", "unshare", "nsenter")

CONFIGURATION = """\
[containers]
cgroups = "disabled"
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
# Its state is its own: what a killed test left names a namespace that is gone. cat ends with the test.
# On a host with cgroups in hybrid mode crun needs the unified hierarchy where it looks for it.
NAMESPACE = """\
for folder in /run/containers /run/libpod; do mkdir -p $folder && mount -t tmpfs none $folder; done
test "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs || mount -t cgroup2 none /sys/fs/cgroup
echo ready
exec cat
"""


def missing() -> str:
    """Why the images cannot be tested on this machine; "" where they can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "building and running images takes root on Linux"
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    return f"not installed: {', '.join(absent)}" if absent else ""


class Podman:
    """Calls of podman and podman-compose, all in one mount namespace."""

    def __init__(self, namespace: int, folder: Path) -> None:
        self._namespace = namespace
        in_folder = ["sh", "-c", 'cd "$0" && exec "$@"']
        self._enter = ["nsenter", f"--mount=/proc/{namespace}/ns/mnt", *in_folder]
        self._program = str(folder / "podman")
        # A build in a chroot raises no limits, which a container of this root may not do.
        self.environment = os.environ | {
            "BUILDAH_ISOLATION": "chroot",
            # Podman's own format has no health check.
            "BUILDAH_FORMAT": "docker",
            "CONTAINERS_CONF": str(folder / "containers.conf"),
        }

    def __call__(
        self, *arguments: str, timeout: float = 180, check: bool = True, stdin: Path | None = None
    ) -> str:
        """The output of `podman …`. Raises AssertionError with what it printed when it fails."""
        return self._run([self._program, *arguments], Path("/"), timeout, check, stdin or Path(os.devnull))

    def compose(self, *arguments: str, cwd: Path, timeout: float = 180, check: bool = True) -> str:
        """The output of `podman-compose …` in the folder of a compose file."""
        program = str(Path(sys.executable).parent / "podman-compose")
        return self._run(
            [program, "--podman-path", self._program, *arguments], cwd, timeout, check, Path(os.devnull)
        )

    def has_image(self, name: str) -> bool:
        """Whether the store holds the image."""
        return name in self("images", "--format", "{{.Repository}}:{{.Tag}}")

    def stop_name_server(self) -> None:
        """End the name server of the containers' networks if it has outlived them."""
        pid = Path(f"/proc/{self._namespace}/root{NAME_SERVER_PID}")
        if pid.exists():
            os.kill(int(pid.read_text()), signal.SIGTERM)

    def _run(self, command: list[str], cwd: Path, timeout: float, check: bool, stdin: Path) -> str:
        # Into a file: a pipe stays open as long as what podman leaves in the background, beyond any timeout.
        with stdin.open("rb") as given, tempfile.TemporaryFile("w+") as printed:
            streams: dict[str, Any] = {"stdin": given, "stdout": printed, "stderr": subprocess.STDOUT}
            process = subprocess.Popen([*self._enter, str(cwd), *command], env=self.environment, **streams)
            try:
                code = process.wait(timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
                printed.write(f"Killed after {timeout} s.")
            printed.seek(0)
            output = printed.read()
        assert code == 0 or not check, f"{' '.join(command)}\n{output[-6000:]}"
        return output


@contextmanager
def own_podman() -> Iterator[Podman]:
    """A podman whose mounts end with the context."""
    STORE.mkdir(parents=True, exist_ok=True)
    (STORE / "containers.conf").write_text(CONFIGURATION)
    # A program, not arguments: podman-compose calls it, too.
    program = STORE / "podman"
    roots = f"--root {STORE}/storage --runroot {STORE}/run"
    program.write_text(f'#!/bin/sh\nexec {shutil.which("podman")} {roots} "$@"\n')
    program.chmod(0o755)
    command = ["unshare", "--mount", "sh", "-ec", NAMESPACE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as namespace:
        try:
            assert namespace.stdout is not None
            assert namespace.stdout.readline() == "ready\n", "no mount namespace"
            podman = Podman(namespace.pid, STORE)
            yield podman
            podman.stop_name_server()
        finally:
            namespace.kill()
