"""The licences of the dependencies, as their metadata states them.

`python -m tests.project.licences` writes NOTICE.
"""

from __future__ import annotations

import re
from email.message import Message
from importlib.metadata import distribution
from typing import cast

from packaging.requirements import Requirement

from tests.conftest import PROJECT

NOTICE = PROJECT / "NOTICE"
HEAD = """\
vcfjobs
Copyright The vcfjobs authors

Licensed under the Apache License, Version 2.0 (see LICENSE).

The demo data in demo/ are under the MIT licence; demo/README.md names their sources.

vcfjobs/static/vcfjobs/igv/ contains igv.js, Copyright (c) 2014-2025 Broad Institute of MIT and Harvard,
Regents of the University of California, under the MIT licence, whose text lies beside it.

The software depends on these packages, which are installed separately, each under its own licence
(package: licence, as the package's metadata states it):

"""
CLASSIFIER = "License :: "


def dependencies() -> set[str]:
    """Every installed package that requirements.txt needs, directly or not, by its normalised name."""
    lines = (
        line.partition("#")[0].strip() for line in (PROJECT / "requirements.txt").read_text().splitlines()
    )
    waiting = [Requirement(line) for line in lines if line]
    seen: set[tuple[str, str]] = set()
    while waiting:
        requirement = waiting.pop()
        for extra in ("", *requirement.extras):
            key = (normalised(requirement.name), extra)
            if key in seen:
                continue
            seen.add(key)
            for text in distribution(requirement.name).requires or []:
                needed = Requirement(text)
                if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                    waiting.append(needed)
    return {name for name, _ in seen}


def normalised(name: str) -> str:
    """A package's name as PEP 503 normalises it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def licence_of(package: str) -> str:
    """The SPDX expression, else the classifiers, else the licence field of an installed package."""
    metadata = cast("Message[str, str]", distribution(package).metadata)
    if expression := metadata.get("License-Expression"):
        return str(expression)
    classifiers = [
        text.rpartition(" :: ")[2]
        for text in metadata.get_all("Classifier") or []
        if text.startswith(CLASSIFIER)
    ]
    stated = " OR ".join(classifiers) or (metadata.get("License") or "").partition("\n")[0]
    assert stated, f"{package} states no licence"
    return stated


def notice() -> str:
    """The text of NOTICE for what is installed here."""
    return HEAD + "".join(f"{name}: {licence_of(name)}\n" for name in sorted(dependencies()))


if __name__ == "__main__":
    NOTICE.write_text(notice())
