"""The image holds what the service needs and says how it is."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from tests.conftest import PROJECT
from tests.project.deployment import (
    DOCKERFILE,
    SECRETS,
    SERVICES,
    dockerfile_lines,
)
from tests.servers import free_port, is_listening, wait_until


def test_the_image_ends_as_another_user_than_root_and_says_how_it_is() -> None:
    user = dockerfile_lines("USER")[-1].split(":")[0]
    assert user.isdigit()  # Kubernetes' runAsNonRoot asks for a number
    assert user != "0"
    assert DOCKERFILE.rindex("USER ") > DOCKERFILE.rindex("\nCOPY ")
    assert len(dockerfile_lines("HEALTHCHECK")) == 1


def test_the_image_copies_what_is_there_and_is_not_ignored() -> None:
    let_through = re.findall(r"^!(.+)$", (PROJECT / ".dockerignore").read_text(), re.MULTILINE)
    copied = [line.split() for line in dockerfile_lines("COPY") if "--from" not in line]
    sources = {source for words in copied for source in words[:-1]}
    assert sources == set(let_through)
    assert all((PROJECT / source).exists() for source in sources)


def copied_by_the_image(folder: Path) -> Path:
    """A folder that holds what the Dockerfile copies, as in the image."""
    app = folder / "app"
    app.mkdir()
    lines = [line.split() for line in dockerfile_lines("COPY") if "--from" not in line]
    for source in {source for words in lines for source in words[:-1]}:
        if (PROJECT / source).is_dir():
            shutil.copytree(PROJECT / source, app / source, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(PROJECT / source, app)
    return app


def test_what_the_image_holds_is_enough_to_serve_pages_and_the_api(tmp_path: Path) -> None:
    app = copied_by_the_image(tmp_path)
    port, home = free_port(), tmp_path / "srv"
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PORT": str(port),
        **SECRETS,
    }
    environment |= {"DATABASE_URL": f"sqlite:///{tmp_path}/db", "ANYVAR_VCF_ASYNC_WORK_DIR": f"{home}/work"}
    environment |= {"ANYVAR_SEQUENCE_DIR": f"{home}/sequences", "ANYVAR_BROKER_DIR": f"{home}/broker"}
    started = {"cwd": app, "env": environment}
    subprocess.run(SERVICES["migrate"]["command"], check=True, capture_output=True, **started)
    web = subprocess.Popen(json.loads(dockerfile_lines("CMD")[-1]), stderr=subprocess.DEVNULL, **started)
    try:
        wait_until(lambda: is_listening(port), "the web process answers")
        for address in ("/healthz", "/", "/static/vcfjobs/style.css", "/docs/", "/schema/"):
            assert requests.get(f"http://127.0.0.1:{port}{address}", timeout=30).status_code == 200, address
    finally:
        web.terminate()
        web.wait()


def test_images_are_pinned_to_a_minor_version() -> None:
    built = [line.split()[0] for line in dockerfile_lines("FROM")]
    for image in [*built, *(service["image"] for service in SERVICES.values())]:
        assert re.fullmatch(r"[\w./-]+:\d+\.\d+(\.\d+)?(-[\w.-]+)?", image), image


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, "Dockerfile"], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def healthcheck(port: int, hosts: str) -> int:
    command = ast.literal_eval(dockerfile_lines("HEALTHCHECK")[0].partition("CMD ")[2])
    environment = {"PATH": os.environ["PATH"], "PORT": str(port), "ALLOWED_HOSTS": hosts}
    done = subprocess.run(
        [sys.executable, *command[1:]], env=environment, capture_output=True, timeout=30, check=False
    )
    return done.returncode


@pytest.mark.parametrize("hosts", ["vrs.example.org,other.example.org", ".example.org", "*", "localhost", ""])
def test_the_healthcheck_passes_a_service_set_up_for_https(
    live_server: LiveServer, settings: Settings, hosts: str
) -> None:
    settings.ALLOWED_HOSTS = [host for host in hosts.split(",") if host] or ["localhost"]
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert healthcheck(int(live_server.url.rpartition(":")[2]), hosts) == 0


def test_the_healthcheck_fails_where_nobody_answers() -> None:
    assert healthcheck(free_port(), "localhost") != 0
