"""Nothing that is shipped or documented names a variable that the settings do not know."""

from __future__ import annotations

import re

import pytest

from tests.anyvar_site.test_settings import read
from tests.conftest import PROJECT
from tests.project.deployment import (
    OURS,
    SECRETS,
    SERVICES,
    dockerfile_lines,
    environment_example,
    known_variables,
)

DOCS = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]

# Python's and Numba's own, and what compose.yaml reads without handing it to the service.
NOT_THE_SERVICES = {"PATH", "PYTHONUNBUFFERED", "NUMBA_CACHE_DIR", "POSTGRES_PASSWORD", "VRS_LISTEN"}
NOT_READ = "## Variables that are not read"

# What the clients read, and what Python, htslib and Podman do.
OF_THE_CLIENTS = {"VRS_URL", "VRS_TOKEN", "PYTHONPATH", "HTS_AUTH_LOCATION", "BUILDAH_FORMAT"}


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
