"""The images that ours are built on: pulled, or where no registry answers made of Debian's packages.

A stand-in has the name, the entry point and the environment variables that Dockerfile and compose.yaml use,
not the version that the name says.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.images.podman import STORE, Podman

PYTHON = "python:3.11-slim-bookworm"
DEBIAN = "localhost/debian:bookworm"
# The host's package sources and keys: a stand-in reaches what the host reaches.
APT = ("etc/apt/sources.list.d", "etc/apt/apt.conf.d", "etc/ssl/certs/ca-certificates.crt")
# What the slim images leave out of Debian.
NOT_IN_SLIM = (
    "var/cache/apt",
    "var/lib/apt/lists",
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "usr/share/info",
)
RECIPES = Path(__file__).parent / "stand_ins"
STAND_INS = {
    PYTHON: "python",
    "postgres:17.6": "postgres",
    "redis:7.4": "redis",
    "nginx:1.28": "nginx",
}


def provide(podman: Podman) -> None:
    """Have every base image in the store."""
    for name, recipe in STAND_INS.items():
        if podman.has_image(name) or _pulled(podman, name):
            continue
        if not podman.has_image(DEBIAN):
            _import_debian(podman)
        podman("build", "--network=host", "--tag", name, str(RECIPES / recipe), timeout=1800)


def mounted(*paths: str) -> list[str]:
    """The options that give a build those of the host's files and folders that exist, to read."""
    there = [path for path in paths if Path(path).exists()]
    return [part for path in there for part in ("--volume", f"{path}:{path}:ro")]


def _pulled(podman: Podman, name: str) -> bool:
    podman("pull", "--quiet", name, timeout=600, check=False)
    return podman.has_image(name)


def _import_debian(podman: Podman) -> None:
    """A minimal Debian by debootstrap, from the host's own mirror."""
    with tempfile.TemporaryDirectory(dir=STORE) as folder:
        root, archive = Path(folder) / "root", Path(folder) / "root.tar"
        subprocess.run(
            ["debootstrap", "--variant=minbase", "--include=ca-certificates", "bookworm", root, _mirror()],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        for name in NOT_IN_SLIM:
            shutil.rmtree(root / name)
        for name in APT:
            _copy(Path("/", name), root / name)
        subprocess.run(["tar", "-C", root, "-cf", archive, "."], check=True)
        podman("import", str(archive), DEBIAN)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    elif source.exists():
        shutil.copyfile(source, target)


def _mirror() -> str:
    """The first mirror that the host's apt names."""
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE)"], check=True, capture_output=True, text=True
    )
    return listed.stdout.splitlines()[0]
