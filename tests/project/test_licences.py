"""The licence files are complete and say what the metadata of the project and of its dependencies says."""

from __future__ import annotations

import hashlib
import re
import tomllib

import yaml

from tests.conftest import PROJECT
from tests.project.licences import HEAD, NOTICE, dependencies, licence_of, normalised

PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
# Of the text that the Apache Software Foundation publishes, as Debian ships it.
APACHE_2 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
# Licences that allow a service under Apache-2.0 to depend on the package.
ALLOWED = (
    "Apache",
    "BSD",
    "MIT",
    "MPL-2.0",
    "MPL 2.0",
    "PSF-2.0",
    "LGPL-3.0-only",
    "Python Software Foundation",
)


def listed() -> dict[str, str]:
    """NOTICE's rows: package to licence."""
    rows = NOTICE.read_text().removeprefix(HEAD).splitlines()
    return dict(row.split(": ", 1) for row in rows)


def test_the_licence_is_the_whole_standard_text() -> None:
    assert hashlib.sha256((PROJECT / "LICENSE").read_bytes()).hexdigest() == APACHE_2


def test_the_project_names_its_licence_and_its_files() -> None:
    assert PYPROJECT["license"] == "Apache-2.0"
    assert all((PROJECT / name).is_file() for name in [*PYPROJECT["license-files"], PYPROJECT["readme"]])


def test_the_notice_lists_the_licence_of_each_dependency() -> None:
    assert NOTICE.read_text().startswith(HEAD)
    rows = listed()
    found = {name: licence_of(name) for name in dependencies()}
    assert len(found) > 30
    assert {name: rows.get(name) for name in found} == found, "run python -m tests.project.licences"


def test_each_dependency_is_under_a_licence_that_may_be_combined_with_ours() -> None:
    assert {name: text for name, text in listed().items() if not any(word in text for word in ALLOWED)} == {}


def test_the_names_of_the_notice_are_normalised() -> None:
    names = list(listed())
    assert names == sorted({normalised(name) for name in names})


def test_the_vendored_igv_is_the_version_that_its_note_names_and_has_its_licence() -> None:
    folder = PROJECT / "vcfjobs" / "static" / "vcfjobs" / "igv"
    named = re.search(r"igv\.js (\S+) ", (folder / "README.md").read_text())
    assert named is not None
    assert f'"{named[1]}"' in (folder / "igv.esm.min.js").read_text()
    assert "The MIT License" in (folder / "LICENSE").read_text()
    assert "igv.js" in HEAD


def test_the_citation_is_complete_and_names_the_licence() -> None:
    citation = yaml.safe_load((PROJECT / "CITATION.cff").read_text())
    assert citation["license"] == PYPROJECT["license"]
    assert citation["cff-version"] == "1.2.0"
    assert {"title", "authors", "message"} <= set(citation)
