"""The files of the deployment as the tests read them."""

from __future__ import annotations

import configparser
import re
import shlex
from typing import Any

import yaml
from celery.app.defaults import NAMESPACES, flatten

from tests.conftest import PROJECT

DEPLOY = PROJECT / "deploy"
DOCKERFILE = (PROJECT / "Dockerfile").read_text().replace("\\\n", " ")
COMPOSE: dict[str, Any] = yaml.safe_load((PROJECT / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = ("migrate", "web", "worker")
UNITS = ("vrs-web", "vrs-worker")
SECRETS = {"SECRET_KEY": "0123456789abcdef" * 4, "POSTGRES_PASSWORD": "secret"}


def known_variables() -> set[str]:
    """The variables that settings.py and gunicorn.conf.py read, and Celery's own under its prefix."""
    settings = (PROJECT / "anyvar_site" / "settings.py").read_text()
    found = set(re.findall(r'\benv\.\w+\(\s*"([A-Z_]+)"', settings))
    found |= set(
        re.findall(r"""environ\.get\(["']([A-Z_]+)["']""", (PROJECT / "gunicorn.conf.py").read_text())
    )
    return found | {f"CELERY_{name.upper()}" for name, _ in flatten(NAMESPACES)}


def environment_example() -> dict[str, str]:
    """The example as systemd reads it."""
    lines = (DEPLOY / "environment.example").read_text().splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: " ".join(shlex.split(value)) for name, _, value in pairs}


def dockerfile_lines(instruction: str) -> list[str]:
    return re.findall(rf"^\s*{instruction}\s+(.+)$", DOCKERFILE, re.MULTILINE)


def mounted(service: str, folder: str) -> str:
    """The named volume that a service mounts at `folder`."""
    pairs = (volume.split(":")[:2] for volume in SERVICES[service]["volumes"])
    sources: dict[str, str] = {target: source for source, target in pairs}
    return sources[folder]


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment]
    parser.read_string((DEPLOY / "systemd" / f"{name}.service").read_text())
    return parser
