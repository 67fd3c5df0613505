"""A plugin of pytest's under which it is a day and some seconds later."""

from __future__ import annotations

import time

_now = time.time
time.time = lambda: _now() + 90_061.5
