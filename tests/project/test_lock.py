"""requirements.lock, which the image is installed from: what requirements.txt asks for, pinned by hashes."""

from __future__ import annotations

import re

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import PROJECT
from tests.project.deployment import DOCKERFILE

LOCK = (PROJECT / "requirements.lock").read_text()
STALE = "run make lock"


def requirements(text: str) -> list[Requirement]:
    """Those of a requirements file, without comments and options."""
    lines = (re.sub(r"(#| --).*", "", line).strip() for line in text.replace("\\\n", " ").splitlines())
    return [Requirement(line) for line in lines if line]


ASKED = requirements((PROJECT / "requirements.txt").read_text())
LOCKED = requirements(LOCK)


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_the_lock_holds_a_release_that_is_asked_for(asked: Requirement) -> None:
    name = canonicalize_name(asked.name)
    found = [locked for locked in LOCKED if locked.name == name]
    assert found, STALE
    for locked in found:
        (pin,) = locked.specifier
        assert asked.specifier.contains(pin.version), STALE
        assert asked.extras <= locked.extras, STALE


def test_each_release_is_pinned_with_the_hashes_of_its_files() -> None:
    lines = [line for line in LOCK.replace("\\\n", " ").splitlines() if re.match("[a-z]", line)]
    assert len(lines) == len(LOCKED) > len(ASKED)
    for line in lines:
        assert re.fullmatch(r"\S+==[\w.]+( ; [^\\]+?)?( +--hash=sha256:[0-9a-f]{64})+ *", line), line


def test_the_lock_names_no_package_index() -> None:
    assert "://" not in LOCK
    assert [line for line in LOCK.splitlines() if line.startswith("-")] == []


def test_the_image_is_installed_from_the_lock_alone() -> None:
    (arguments,) = re.findall(r"pip install (.+?)&&", DOCKERFILE)
    assert "--require-hashes" in arguments.split()
    assert re.findall(r"-r (\S+)", arguments) == ["requirements.lock"]
