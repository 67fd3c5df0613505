"""Read what the settings need beyond plain variables: the secret key, and any other CELERY_* name."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from celery.app.defaults import NAMESPACES, flatten
from django.core.exceptions import ImproperlyConfigured

# Celery's own workers set these for their children; they are no settings.
CELERYS_OWN = {
    "CELERY_LOADER",
    "CELERY_CONFIG_MODULE",
    "CELERY_LOG_LEVEL",
    "CELERY_LOG_FILE",
    "CELERY_LOG_REDIRECT",
    "CELERY_LOG_REDIRECT_LEVEL",
    "CELERY_SKIP_CHECKS",
}
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def literal(environ_: Mapping[str, str]) -> environ.Env:
    """A reader of these variables as they are.

    Left alone, django-environ takes a value that begins with $ for the name of another variable, and where
    there is none falls back to the default: a list of tokens that begins so would leave the service open.
    """
    env = environ.Env()
    env.escape_proxy = True
    env.ENVIRON = {name: value.replace("$", r"\$") for name, value in environ_.items()}
    return env


def secret_key(path: Path) -> str:
    """The key kept in `path` (mode 0600), made at the first call; safe when several processes start."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    if not path.exists():
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(50))
        try:
            os.link(draft, path)  # fails where another process was first: its key counts
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    key = path.read_text().strip()
    if len(key) < 32:
        raise ImproperlyConfigured(f"{path.name} holds no usable secret key: delete it, or set SECRET_KEY.")
    return key


def refuse_unknown_authentication(environ: Mapping[str, str], ours: Collection[str]) -> None:
    """Stop the start for a name that means authentication and that nothing here reads.

    A mistyped name, or one of AnyVar's for an identity provider, would leave the service open.
    """
    for name, value in environ.items():
        if name.startswith("ANYVAR_") and ("AUTH" in name or "TOKEN" in name) and name not in ours and value:
            raise ImproperlyConfigured(
                f"{name} is set, but this service knows only {', '.join(ours)} for authentication: "
                "with that name alone it would be open. Unset it, or set the other."
            )


def celery_passthrough(environ: Mapping[str, str], ours: Collection[str]) -> dict[str, Any]:
    """Every CELERY_* variable that is not `ours`, as Celery's own setting: prefix off, lower case, JSON.

    Raises ImproperlyConfigured for a name that Celery does not know.
    """
    known = {name for name, _ in flatten(NAMESPACES)}
    passed: dict[str, Any] = {}
    for variable, text in environ.items():
        if not variable.startswith("CELERY_") or variable in ours or variable in CELERYS_OWN:
            continue
        name = variable.removeprefix("CELERY_").lower()
        if name not in known:
            raise ImproperlyConfigured(f"{variable} is set, but Celery has no setting called {name}.")
        passed[name] = _json_or_text(text)
    return passed


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {"True": True, "False": False}.get(text, text)


def number(env: environ.Env, variable: str, default: int, least: int = 1) -> int:
    """The whole number in `variable`, at least `least`; raises ImproperlyConfigured with a sentence."""
    text = env.str(variable, default="")
    if not text:
        return default
    try:
        value = int(text)
    except ValueError:
        raise ImproperlyConfigured(f"{variable} must be a whole number, not {text!r}.") from None
    if value < least:
        raise ImproperlyConfigured(f"{variable} must be at least {least}, not {value}.")
    return value


def url(env: environ.Env, variable: str, default: str = "", *, also: str = "https") -> str:
    """The address in `variable`, http, https or `also`; raises ImproperlyConfigured for what is none."""
    text: str = env.str(variable, default="") or default
    known = urlsplit(text).scheme in ("http", "https", also)
    if text and not (known and text.isascii() and text.isprintable()):
        raise ImproperlyConfigured(f"{variable} must begin with http: or {also}:, not be {text!r}.")
    return text


def moment(env: environ.Env, variable: str) -> str:
    """The date and time in `variable`, empty or as RFC 3339 writes it; raises ImproperlyConfigured."""
    text: str = env.str(variable, default="")
    if text and not _is_moment(text):
        raise ImproperlyConfigured(
            f"{variable} must be a date and time like 2026-01-31T12:00:00Z, not {text!r}."
        )
    return text


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return RFC_3339.fullmatch(text) is not None
