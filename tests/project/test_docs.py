"""What the documents name is there: links, files, commands with their options, settings, addresses."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from django.http import Http404
from django.urls import resolve

from tests.conftest import PROJECT
from tests.project.documents import DOCS, README, blocks
from vcfjobs import __version__
from vcfjobs.api.service import NotFoundView
from vcfjobs.errors import VcfJobsError

SETTINGS = PROJECT / "docs" / "settings.md"
OPERATIONS = PROJECT / "docs" / "operations.md"
ARCHITECTURE = PROJECT / "docs" / "architecture.md"
MIGRATE = PROJECT / "docs" / "migrate-from-anyvar.md"
CLIENTS = PROJECT / "docs" / "clients.md"
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
FENCED = re.compile(r"^ *```[^\n]*\n.*?^ *```$", re.DOTALL | re.MULTILINE)
VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*")
# Where environment variables are read.
READERS = (
    "anyvar_site/settings.py",
    "anyvar_site/wsgi.py",
    "gunicorn.conf.py",
    "vcfjobs/cache_folder.py",
    "vcfjobs/vrs/kernel/library.py",
)
# Where a path in a text may begin.
ROOTS = (PROJECT, PROJECT / "vcfjobs", PROJECT / "docs")

every = pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)


def code_of(path: Path) -> list[str]:
    """Everything that is set as code: what stands in backquotes, and the lines of blocks."""
    lines = [line for block in blocks(path) for line in block.text.splitlines()]
    return lines + CODE.findall(FENCED.sub("", path.read_text()))


@cache
def anchors(path: Path) -> set[str]:
    """The names that a page gives its headings."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_fits_two_screens() -> None:
    assert len(README.read_text().splitlines()) <= 120


@every
def test_each_link_leads_to_what_is_there(path: Path) -> None:
    for target in LINK.findall(path.read_text()):
        if target.startswith(("https://", "http://", "mailto:")):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), target
        assert PROJECT in there.parents or there == PROJECT, f"{target} leads out of the repository"
        assert not anchor or there.suffix != ".md" or anchor in anchors(there), target


def test_each_page_is_reached_from_the_readme() -> None:
    linked = {target.partition("#")[0] for target in LINK.findall(README.read_text())}
    assert {str(path.relative_to(PROJECT)) for path in DOCS[1:]} <= linked


@pytest.mark.parametrize("name", ["LICENSE", "NOTICE", "CITATION.cff", "CHANGELOG.md"])
def test_the_readme_links_to_what_a_repository_must_say(name: str) -> None:
    assert name in LINK.findall(README.read_text())


@every
def test_each_file_that_is_named_is_there(path: Path) -> None:
    folders = {entry.name for root in ROOTS for entry in root.iterdir() if entry.is_dir()} - {"var", ".venv"}
    for code in code_of(path):
        for word in re.findall(r"(?<![\w./<>:$-])[\w.-]+(?:/[\w.*-]+)+/?", code):
            if word.partition("/")[0] in folders:
                assert any(list(root.glob(word.rstrip("/"))) for root in ROOTS), word


@every
def test_each_management_command_is_there_with_its_options(path: Path) -> None:
    known = get_commands()
    for code in code_of(path):
        for name, rest in re.findall(r"manage\.py ([a-z_]+)([^|;&`]*)", code):
            assert name in known, code
            command = load_command_class(known[name], name)
            options = command.create_parser("manage.py", name)._option_string_actions
            for option in re.findall(r"(?<![\w-])(--?[a-z][a-z-]*)", rest):
                assert option in options, f"{name} {option}"


@every
def test_each_target_of_make_is_there(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    for code in code_of(path):
        for name in re.findall(r"(?:^|[\s=]\d* ?)make ([a-z-]+)", code):
            assert name in targets, code


@every
def test_each_command_of_the_client_is_there(path: Path) -> None:
    client = (PROJECT / "clients" / "vcfclient" / "__main__.py").read_text()
    commands = set(re.findall(r'\bcommand\("(\w+)"', client))
    options = set(re.findall(r'add_argument\("(?:-\w", ")?(--[\w-]+)"', client)) | {"-o"}
    for code in code_of(path):
        for name, rest in re.findall(r"-m vcfclient (\w+)([^#]*)", code):
            assert name in commands, code
            assert set(re.findall(r"(?<!\S)--?[a-z][a-z-]*", rest)) <= options, code


def settings_that_are_read() -> set[str]:
    """Every variable of READERS: the first text of each call that reads one. Django's own is left out."""
    reads = re.compile(r"\benv\b|environ\.(get|setdefault)")
    found: set[str] = set()
    for name in READERS:
        for node in ast.walk(ast.parse((PROJECT / name).read_text())):
            if isinstance(node, ast.Call) and reads.search(ast.unparse(node)):
                texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
                found |= {text for text in texts[:1] if isinstance(text, str) and VARIABLE.fullmatch(text)}
    return found - {"DJANGO_SETTINGS_MODULE"}


def documented_settings() -> set[str]:
    """The first cells of the tables of settings.md."""
    rows = re.findall(r"^\| (`[A-Z].*?) \|", SETTINGS.read_text(), re.MULTILINE)
    return {name for row in rows for name in CODE.findall(row)}


def test_each_setting_that_is_read_has_a_row() -> None:
    read = settings_that_are_read()
    assert len(read) > 40
    assert read - documented_settings() == set()


def test_each_row_is_a_setting_that_is_read() -> None:
    assert documented_settings() - settings_that_are_read() == set()


def test_a_setting_has_one_row() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \|", SETTINGS.read_text(), re.MULTILINE)
    assert len(rows) == len(set(rows)) == len(documented_settings())


def test_each_metric_has_a_row() -> None:
    rows = re.findall(r"^\| (`vrs_.*?) \|", OPERATIONS.read_text(), re.MULTILINE)
    documented = {name.partition("{")[0] for row in rows for name in CODE.findall(row)}
    source = (PROJECT / "vcfjobs" / "monitoring" / "metrics.py").read_text()
    found = set(re.findall(r'"(vrs_[a-z_]+)"', source))
    assert len(found) > 8
    assert found - documented == set()


def is_an_address(path: str) -> bool:
    """Whether something of the service answers there."""
    try:
        found = resolve(path)
    except Http404:
        return False
    return getattr(found.func, "cls", None) is not NotFoundView


@every
def test_each_address_that_is_named_is_one(path: Path) -> None:
    text = path.read_text()
    if path == MIGRATE:  # which also says what AnyVar has and this service has not
        text = text.partition("## What is not there")[0]
    named = re.findall(r"\b(?:GET|PUT|POST|DELETE) (/[^\s`?|)*\"]*)", text)
    named += re.findall(r"(?:127\.0\.0\.1:\d+|vrs\.example\.org|new\.example\.org)(/[^\s'\"`?>|)]*)", text)
    for address in named:
        filled = re.sub(r"\{\w+\}|…|\$\w+", "x", address.rstrip(".,:;"))
        assert is_an_address(filled), address


@pytest.mark.parametrize("address", ["/nothing", "/runs/x/nothing", "/vcf/a/b"])
def test_an_address_that_is_none_is_found(address: str) -> None:
    assert not is_an_address(address)


def test_the_architecture_shows_the_layers_of_the_contract() -> None:
    contracts = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = [block.text.splitlines() for block in blocks(ARCHITECTURE) if block.language == "text"]
    assert layers == [contracts[0]["layers"]]


def test_the_architecture_says_what_each_package_is_for() -> None:
    rows = re.findall(r"^\| (`.+?) \|", ARCHITECTURE.read_text(), re.MULTILINE)
    told = {name for row in rows for name in CODE.findall(row)}
    modules = {path.stem for path in (PROJECT / "vcfjobs").iterdir() if path.suffix in ("", ".py")}
    assert modules - {"__init__", "__pycache__", "apps", "migrations", "static", "templates"} <= told


def _error_classes(base: type[VcfJobsError] = VcfJobsError) -> Iterator[type[VcfJobsError]]:
    yield base
    for derived in base.__subclasses__():
        yield from _error_classes(derived)


def test_each_error_code_of_the_api_has_a_row() -> None:
    rows = re.findall(r"^\| (`[A-Z_]+`.*?) \| [0-9]", CLIENTS.read_text(), re.MULTILINE)
    documented = {code for row in rows for code in CODE.findall(row)}
    of_commands_alone = {"INVALID_FASTA", "REFERENCE_LOAD"}
    codes = {error.code for error in _error_classes() if error.__module__.startswith("vcfjobs.")}
    assert len(codes) > 20
    assert codes - of_commands_alone - documented == set()


def test_the_changelog_begins_with_this_version() -> None:
    first = next(line for line in (PROJECT / "CHANGELOG.md").read_text().splitlines() if line[:3] == "## ")
    assert first.split()[1] == __version__


@pytest.mark.parametrize(
    "name", ["Dockerfile", "compose.yaml", "workflows/vrs_annotate.nf", "workflows/vrs_annotate.wdl"]
)
def test_the_image_is_named_after_this_version(name: str) -> None:
    release = __version__.rpartition(".")[0]
    assert set(re.findall(r"vcfjobs:(\d[\d.]*)", (PROJECT / name).read_text())) == {release}
