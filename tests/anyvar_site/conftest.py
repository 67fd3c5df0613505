"""Log lines as a collector gets them."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator

import pytest

from anyvar_site import log_lines
from vcfjobs.log_context import RunFilter


@pytest.fixture(params=sorted(log_lines.FORMATTERS))
def kind(request: pytest.FixtureRequest) -> str:
    """Each of the two formats."""
    return str(request.param)


@pytest.fixture
def lines(kind: str) -> Iterator[Callable[[], list[str]]]:
    """What vcfjobs has logged so far in this format, line by line as in a file."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(log_lines.FORMATTERS[kind]())
    handler.addFilter(RunFilter())
    ours = logging.getLogger("vcfjobs")
    before = ours.level
    ours.addHandler(handler)
    ours.setLevel(logging.DEBUG)
    yield lambda: stream.getvalue().splitlines()
    ours.removeHandler(handler)
    ours.setLevel(before)


def names(line: str, kind: str, pk: object) -> bool:
    """Whether the line names the run in its own field, and nowhere else."""
    named = json.loads(line).get("run") == str(pk) if kind == "json" else f" run={pk} " in line
    return named and line.count(str(pk)) == 1


def text_of(line: str, kind: str) -> str:
    return json.loads(line)["message"] if kind == "json" else line
