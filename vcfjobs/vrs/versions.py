"""The versions of VRS whose identifiers the engine computes."""

from __future__ import annotations

from typing import Literal

VrsVersion = Literal["2.0", "2.1"]

DEFAULT: VrsVersion = "2.0"
# The release of the specification that each version stands for.
RELEASES: dict[VrsVersion, str] = {"2.0": "2.0.1", "2.1": "2.1.1"}
