"""The system checks of a starting web process or worker, as log lines."""

from __future__ import annotations

import logging

from django.core.checks import run_checks
from django.core.management.base import SystemCheckError

logger = logging.getLogger(__name__)

# The tag of the checks that concern the installation, not the code: web process and worker alike.
SETUP = "setup"


def check_setup(tag: str | None = None) -> None:
    """Log each message of the system checks, or of those with the tag.

    Raises SystemCheckError when one of them is an error.
    """
    found = [message for message in run_checks(tags=tag and [tag]) if not message.is_silenced()]
    for message in found:
        hint = f" {message.hint}" if message.hint else ""
        logger.log(message.level, "%s: %s%s", message.id, message.msg, hint)
    serious = [str(message.msg) for message in found if message.is_serious()]
    if serious:
        raise SystemCheckError(" ".join(serious))
