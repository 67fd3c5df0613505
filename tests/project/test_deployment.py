"""What is shipped for deployment fits together and names what is there; where programs are, they judge it."""

from __future__ import annotations

import ast
import configparser
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from celery.app.defaults import NAMESPACES, flatten
from compose_spec import PyCompose
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from tests.anyvar_site.test_settings import read
from tests.conftest import PROJECT
from tests.servers import free_port, wait_until

DEPLOY = PROJECT / "deploy"
NGINX = (DEPLOY / "nginx.conf").read_text()
DOCKERFILE = (PROJECT / "Dockerfile").read_text().replace("\\\n", " ")
COMPOSE: dict[str, Any] = yaml.safe_load((PROJECT / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = ("migrate", "web", "worker")
UNITS = ("vrs-web", "vrs-worker")
DOCS = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]

# Python's own, and what compose.yaml reads without handing it to the service.
NOT_THE_SERVICES = {"PATH", "PYTHONUNBUFFERED", "POSTGRES_PASSWORD", "VRS_LISTEN"}
NOT_READ = "## Variables that are not read"
SECRETS = {"SECRET_KEY": "0123456789abcdef" * 4, "POSTGRES_PASSWORD": "secret"}


def known_variables() -> set[str]:
    """The variables that settings.py and gunicorn.conf.py read, and Celery's own under its prefix."""
    settings = (PROJECT / "anyvar_site" / "settings.py").read_text()
    found = set(re.findall(r'\benv\.\w+\(\s*"([A-Z_]+)"', settings))
    found |= set(re.findall(r'\b(?:number|url|moment)\(\s*env,\s*"([A-Z_]+)"', settings))
    found |= set(
        re.findall(r"""environ\.get\(["']([A-Z_]+)["']""", (PROJECT / "gunicorn.conf.py").read_text())
    )
    return found | {f"CELERY_{name.upper()}" for name, _ in flatten(NAMESPACES)}


def variables_of_the_docs() -> set[str]:
    """Every ANYVAR_ and CELERY_ name, and every assignment, outside the list of names that are not read."""
    found: set[str] = set()
    for path in DOCS:
        text = path.read_text()
        head, _, rest = text.partition(NOT_READ)
        text = head + rest.partition("\n## ")[2]
        found |= set(re.findall(r"\b((?:ANYVAR|CELERY)_[A-Z][A-Z_]*)\b", text))
        found |= set(re.findall(r"(?:^|[\s`])(?:export )?([A-Z][A-Z_]{2,})=(?=[\w$/'\"…%*.:-])", text))
    # Of the Makefile and the benchmarks, and a placeholder for a contig's name.
    return {name for name in found if name != "NAME" and not name.startswith(("BENCH_", "TEST_", "DJANGO_"))}


# What the clients read, and what Python and htslib do.
OF_THE_CLIENTS = {"VRS_URL", "VRS_TOKEN", "PYTHONPATH", "HTS_AUTH_LOCATION"}


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
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((DEPLOY / "systemd" / f"{name}.service").read_text())
    return parser


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", OURS)
def test_compose_sets_nothing_that_the_settings_do_not_know(service: str) -> None:
    assert set(SERVICES[service]["environment"]) <= known_variables()


def test_compose_interpolates_nothing_that_the_settings_do_not_know() -> None:
    names = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", (PROJECT / "compose.yaml").read_text()))
    assert names - NOT_THE_SERVICES <= known_variables()


def test_the_image_sets_nothing_that_the_settings_do_not_know() -> None:
    names = {pair.partition("=")[0] for line in dockerfile_lines("ENV") for pair in line.split()}
    assert names - NOT_THE_SERVICES <= known_variables()


def test_the_example_of_systemd_sets_nothing_that_the_settings_do_not_know() -> None:
    assert set(environment_example()) <= known_variables()


def test_the_docs_name_nothing_that_the_settings_do_not_know() -> None:
    names = variables_of_the_docs()
    assert "ANYVAR_SHARD_BYTES" in names
    assert names - NOT_THE_SERVICES - OF_THE_CLIENTS <= known_variables()


def test_what_is_said_not_to_be_read_is_not_read() -> None:
    text = (PROJECT / "docs" / "migrate-from-anyvar.md").read_text()
    section = text.partition(NOT_READ)[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    names = {name for row in rows for name in re.findall(r"`([A-Z_]+)`", row)}
    assert names
    assert not names & known_variables()


def test_the_example_of_systemd_starts_the_settings() -> None:
    example = environment_example() | {"SECRET_KEY": SECRETS["SECRET_KEY"]}
    assert read("ANYVAR_ORGANIZATION_NAME", **example) == "Example laboratory"
    assert read("worker_concurrency", **example) == 8


# --- the image -----------------------------------------------------------------------------------


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
        wait_until(lambda: answers(port), "the web process answers")
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


# --- compose -------------------------------------------------------------------------------------


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


# --- nginx ---------------------------------------------------------------------------------------


def test_nginx_lets_in_what_the_service_lets_in() -> None:
    match = re.search(r"^\s*client_max_body_size (\d+)g;", NGINX, re.MULTILINE)
    assert match is not None
    assert int(match[1]) * 2**30 == read("ANYVAR_MAX_UPLOAD_BYTES")
    assert int(environment_example()["ANYVAR_MAX_UPLOAD_BYTES"]) == int(match[1]) * 2**30


def nginx_command(folder: Path, *, port: int, upstream: str) -> list[str]:
    """nginx with the shipped file in a configuration of the test's own; skips where it is not installed."""
    binary = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if binary is None:
        pytest.skip("nginx is not installed")
    shipped = folder / "shipped.conf"
    replaced = NGINX.replace("listen 80 ", f"listen 127.0.0.1:{port} ").replace("http://web:8000", upstream)
    assert f"listen 127.0.0.1:{port} " in replaced
    assert f"set $vrs_web {upstream};" in replaced
    shipped.write_text(replaced)
    temporary = "".join(
        f"{name}_temp_path {folder}/{name}; " for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root; " if os.geteuid() == 0 else ""  # the test's folders are nobody else's
    main = folder / "nginx.conf"
    main.write_text(
        f"{user}pid {folder}/pid; error_log {folder}/error.log; daemon off; events {{ }} "
        f"http {{ access_log off; {temporary} include {shipped}; }}"
    )
    return [binary, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(main)]


def test_nginx_takes_its_file(tmp_path: Path) -> None:
    command = nginx_command(tmp_path, port=free_port(), upstream="http://vrs-web:8000")
    done = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr + (tmp_path / "error.log").read_text()


@contextmanager
def proxy(folder: Path, upstream: str) -> Iterator[HTTPConnection]:
    """A connection to a running nginx before `upstream`."""
    port = free_port()
    process = subprocess.Popen(nginx_command(folder, port=port, upstream=upstream))
    try:
        wait_until(lambda: answers(port), "nginx answers")
        with closing(HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
            yield connection
    finally:
        process.terminate()
        process.wait()


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


class Mirror(BaseHTTPRequestHandler):
    """Answers with the request's headers and the length of its body."""

    def do_PUT(self) -> None:
        length = len(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps({**self.headers, "received": length}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def mirror() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def seen_through_nginx(folder: Path, body: Any, **headers: str) -> dict[str, Any]:
    with mirror() as upstream, proxy(folder, upstream) as connection:
        connection.request("PUT", "/vcf?run_id=a%20b", body, headers)
        answer = connection.getresponse()
        assert answer.status == 200
        seen: dict[str, Any] = json.loads(answer.read())
        return seen


def test_nginx_says_who_asks_and_how(tmp_path: Path) -> None:
    headers = {"Host": "vrs.example.org:81", "X-Forwarded-For": "192.0.2.1"}
    seen = seen_through_nginx(tmp_path, b"x", **headers)
    assert seen["Host"] == "vrs.example.org:81"
    assert seen["X-Forwarded-For"] == "192.0.2.1, 127.0.0.1"
    assert seen["X-Forwarded-Proto"] == "http"


def test_nginx_believes_the_proxy_before_it_that_ends_tls(tmp_path: Path) -> None:
    seen = seen_through_nginx(tmp_path, b"x", **{"X-Forwarded-Proto": "https"})
    assert seen["X-Forwarded-Proto"] == "https"


def test_nginx_gives_a_chunked_upload_its_length(tmp_path: Path) -> None:
    seen = seen_through_nginx(tmp_path, iter([b"x" * 300_000] * 5))
    assert seen["Content-Length"] == "1500000"
    assert seen["received"] == 1_500_000
    assert "Transfer-Encoding" not in seen


def test_nginx_refuses_what_is_too_large_in_the_services_own_form(tmp_path: Path) -> None:
    with proxy(tmp_path, "http://127.0.0.1:1") as connection:
        connection.putrequest("PUT", "/vcf")
        connection.putheader("Content-Length", str(2**36 + 1))
        connection.endheaders()
        answer = connection.getresponse()
        problem = json.loads(answer.read())
    assert (answer.status, problem["error_code"]) == (413, "UPLOAD_TOO_LARGE")
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_nginx_says_that_the_service_is_away_and_to_come_again(tmp_path: Path) -> None:
    with proxy(tmp_path, f"http://127.0.0.1:{free_port()}") as connection:
        connection.request("GET", "/vcf/my-run")
        answer = connection.getresponse()
        problem = json.loads(answer.read())
    assert (answer.status, problem["status"]) == (503, 503)
    assert answer.headers["Retry-After"] == "5"


BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def test_nginx_answers_a_browser_with_a_page(tmp_path: Path) -> None:
    with proxy(tmp_path, f"http://127.0.0.1:{free_port()}") as connection:
        connection.request("GET", "/", headers=BROWSER)
        away = connection.getresponse()
        page = away.read().decode()
        assert (away.status, away.headers["Content-Type"]) == (503, "text/html")
        assert away.headers["Retry-After"] == "5"
        assert "The service does not answer at the moment." in page
        connection.request("POST", "/", headers=BROWSER | {"Content-Length": str(2**36 + 1)})
        large = connection.getresponse()
        assert (large.status, large.headers["Content-Type"]) == (413, "text/html")
        assert "larger than this service accepts" in large.read().decode()


# --- systemd -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_comes_back_after_a_failure_and_reads_the_environment(name: str) -> None:
    service = unit(name)["Service"]
    assert service["Restart"] == "on-failure"
    assert service["KillMode"] == "mixed"
    assert service["EnvironmentFile"] == "/etc/vrs/environment"
    assert service["User"] not in ("", "root")


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_may_write_where_the_example_keeps_its_files(name: str) -> None:
    writable = {f"/var/lib/{folder}" for folder in unit(name)["Service"]["StateDirectory"].split()}
    example = environment_example()
    assert {example["ANYVAR_VCF_ASYNC_WORK_DIR"], example["ANYVAR_SEQUENCE_DIR"]} <= writable


@pytest.mark.parametrize("name", UNITS)
def test_systemd_takes_its_unit(name: str, tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    text = (DEPLOY / "systemd" / f"{name}.service").read_text()
    here = tmp_path / f"{name}.service"
    here.write_text(text.replace("/opt/vrs/.venv/bin/", f"{Path(sys.executable).parent}/"))
    done = subprocess.run([analyze, "verify", str(here)], capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if name in line]
    assert not ours


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_exposes_little_of_the_host(name: str) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    path = DEPLOY / "systemd" / f"{name}.service"
    command = [analyze, "security", "--offline=true", "--threshold=20", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-200:]
