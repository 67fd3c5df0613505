"""compose.yaml is valid, keeps its secrets apart and hands every setting on."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

from tests.conftest import PROJECT
from tests.project.deployment import (
    COMPOSE,
    OURS,
    SECRETS,
    SERVICES,
    dockerfile_lines,
    known_variables,
    mounted,
    unit,
)


def test_redis_forgets_no_message() -> None:
    command = SERVICES["redis"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options == {"--maxmemory-policy": "noeviction", "--appendonly": "yes"}
    assert mounted("redis", "/data") in COMPOSE["volumes"]


@pytest.mark.parametrize("variable", ["ANYVAR_VCF_ASYNC_WORK_DIR", "ANYVAR_SEQUENCE_DIR"])
def test_web_and_worker_share_their_folders(variable: str) -> None:
    folders = {SERVICES[service]["environment"][variable] for service in OURS}
    assert len(folders) == 1
    volumes = {mounted(service, folder) for service in OURS for folder in folders}
    assert len(volumes) == 1
    assert volumes <= set(COMPOSE["volumes"])


def test_web_and_worker_wait_for_the_migration() -> None:
    for service in ("web", "worker"):
        needed = SERVICES[service]["depends_on"]["migrate"]
        assert needed == {"condition": "service_completed_successfully"}
    assert SERVICES["migrate"]["restart"] == "no"


def test_the_database_and_the_broker_are_not_published() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]


def test_the_worker_may_end_what_it_has_begun() -> None:
    assert SERVICES["worker"]["stop_grace_period"] == "10m"
    assert unit("vrs-worker")["Service"]["TimeoutStopSec"] == "600"


def composed(**variables: str) -> dict[str, Any]:
    """The file with its variables put in; raises LookupError with compose's sentence where one is missing."""

    def value(found: re.Match[str]) -> str:
        name, otherwise, sentence = found.groups()
        if not variables.get(name) and sentence:
            raise LookupError(sentence)
        return variables.get(name) or otherwise or ""

    text = re.sub(r"\$\{(\w+)(?::-([^}]*)|:\?([^}]*))?\}", value, (PROJECT / "compose.yaml").read_text())
    made: dict[str, Any] = yaml.safe_load(text.replace("$$", "$"))
    return made


def test_compose_takes_its_file() -> None:
    PyCompose.from_json(json.dumps(composed(**SECRETS))).to_spec()


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("stop_grace_period", "stop_grace_time"),
        ("service_healthy", "service_health"),
        ("60s", "soon"),
        ("127.0.0.1:8080:80", "127.0.0.1:http:80"),
    ],
)
def test_a_mistake_in_the_compose_file_is_found(right: str, wrong: str) -> None:
    text = json.dumps(composed(**SECRETS))
    assert right in text
    with pytest.raises(ValueError, match=r"line 1 column"):
        PyCompose.from_json(text.replace(right, wrong)).to_spec()


def test_compose_puts_the_secrets_where_they_belong() -> None:
    services = composed(**SECRETS)["services"]
    assert services["web"]["environment"]["DATABASE_URL"] == "postgres://vrs:secret@db:5432/vrs"
    assert services["db"]["environment"]["POSTGRES_PASSWORD"] == "secret"


@pytest.mark.parametrize("missing", sorted(SECRETS))
def test_compose_asks_for_a_secret_that_is_missing(missing: str) -> None:
    with pytest.raises(LookupError, match=f"Set {missing} to"):
        composed(**{name: value for name, value in SECRETS.items() if name != missing})


def test_compose_hands_every_setting_of_the_service_on() -> None:
    names = {name for name in known_variables() if name.startswith("ANYVAR_")} - {"ANYVAR_BROKER_DIR"}
    assert names <= set(SERVICES["web"]["environment"])


def test_what_clients_speak_to_reaches_neither_database_nor_broker() -> None:
    assert SERVICES["proxy"]["networks"] == ["front"]
    assert {name for name, service in SERVICES.items() if "front" in service["networks"]} == {"proxy", "web"}
    assert COMPOSE["networks"]["inside"] == {"internal": True}


def test_nothing_gains_privileges() -> None:
    for name, service in SERVICES.items():
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_image_and_compose_start_the_web_process_alike() -> None:
    assert json.loads(dockerfile_lines("CMD")[-1]) == SERVICES["web"]["command"]


def test_docker_compose_reads_the_file_as_these_tests_do() -> None:
    docker = shutil.which("docker")
    if docker is None:
        pytest.skip("the docker client is not installed")
    if subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("the docker client has no compose plugin")
    done = subprocess.run(
        [docker, "compose", "--env-file", os.devnull, "-f", "compose.yaml", "config", "--format", "json"],
        cwd=PROJECT,
        env={name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | SECRETS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    theirs, ours = json.loads(done.stdout)["services"], composed(**SECRETS)["services"]
    assert set(theirs) == set(ours)
    for name in OURS:
        given = {key: value for key, value in ours[name]["environment"].items() if value is not None}
        assert given.items() <= theirs[name]["environment"].items()
