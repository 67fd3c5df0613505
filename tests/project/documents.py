"""The documents and the fenced blocks in them.

A block's first word is its language. A block of commands may carry a second word:

- `foreground`: each line is a process that stays until Ctrl-C;
- `elsewhere`: the commands need another host, root or a download, so they are parsed but not run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import PROJECT

README = PROJECT / "README.md"
PAGES = sorted((PROJECT / "docs").glob("*.md"))
DOCS = [README, *PAGES, PROJECT / "CONTRIBUTING.md", PROJECT / "SECURITY.md"]

COMMANDS = {"sh", "console", "python"}
DATA = {"text", "yaml", "json"}
ATTRIBUTES = {"", "foreground", "elsewhere"}
FENCE = re.compile(r"^(?P<indent> *)```(?P<info>[^`\n]*)$")


@dataclass(frozen=True)
class Block:
    """A fenced block: its page, the line of its opening fence, its language and its text."""

    path: Path
    line: int
    language: str
    attribute: str
    text: str

    def __str__(self) -> str:
        return f"{self.path.relative_to(PROJECT)}:{self.line}"

    def commands(self) -> list[tuple[str, list[str]]]:
        """The commands of a console session, each with the lines of output shown below it."""
        found: list[tuple[str, list[str]]] = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                found.append((line.removeprefix("$ "), []))
            elif found and found[-1][0].endswith("\\") and not found[-1][1]:
                found[-1] = (f"{found[-1][0]}\n{line}", [])
            elif found and line:
                found[-1][1].append(line)
        return found

    def script(self) -> str:
        """What a shell is given."""
        if self.language == "console":
            return "".join(f"{command}\n" for command, _ in self.commands())
        return self.text


def blocks(path: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in their order."""
    lines = path.read_text().splitlines()
    opened: tuple[int, str, str] | None = None
    text: list[str] = []
    for number, line in enumerate(lines, start=1):
        match = FENCE.match(line)
        if opened is None and match:
            opened, text = (number, match["info"], match["indent"]), []
        elif opened is not None and line.strip() == "```":
            language, _, attribute = opened[1].partition(" ")
            yield Block(path, opened[0], language, attribute, "\n".join(text) + "\n")
            opened = None
        elif opened is not None:
            text.append(line.removeprefix(opened[2]))
    assert opened is None, f"{path.name}:{opened} is not closed"
