"""Environment variables, read strictly: a wrong value stops the start with a sentence.

An empty variable counts as unset. A value that begins with $ is that value: nothing is interpolated.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, TypeVar
from urllib.parse import quote

from celery.app.defaults import NAMESPACES, Option, flatten
from django.core.exceptions import ImproperlyConfigured
from environs import Env, validate

DATABASE_ENGINES = ("django.db.backends.sqlite3", "django.db.backends.postgresql")
RATE = validate.Regexp(r"[1-9]\d*/(s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?)\Z")
RFC_3339 = validate.Regexp(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z")

# Celery's workers set the excepted variables for their children.
CELERY_VARIABLE = re.compile(
    r"CELERY_(?!(LOADER|CONFIG_MODULE|LOG_LEVEL|LOG_FILE|LOG_REDIRECT|LOG_REDIRECT_LEVEL|SKIP_CHECKS)\Z)"
)
CELERY_TYPES = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "dict": "a JSON object",
}

T = TypeVar("T")

_env = Env()
_known: set[str] = set()


def _read(variable: str, default: T, parse: Callable[[str], T], accepted: str) -> T:
    _known.add(variable)
    return _parse(variable, parse, accepted) if os.environ.get(variable) else default


def _parse(variable: str, parse: Callable[[str], T], accepted: str) -> T:
    try:
        return parse(variable)
    except (TypeError, ValueError):
        value = os.environ[variable]
        raise ImproperlyConfigured(f"{variable} must be {accepted}, not {value!r}.") from None


def text(variable: str, default: str = "", accepted: str = "", *checks: Callable[[str], object]) -> str:
    """A text that passes the checks."""
    return _read(variable, default, lambda name: _env.str(name, validate=checks), accepted)


def choice(variable: str, *words: str) -> str:
    """One of these words, by default the first."""
    return text(variable, words[0], " or ".join(words), validate.OneOf(words))


def flag(variable: str, default: bool) -> bool:
    """A boolean; true, on, yes and 1 in any usual case, and their opposites."""
    return _read(variable, default, _env.bool, "true or false")


def number(variable: str, default: int, least: int = 1, most: int | None = None) -> int:
    """A whole number from `least` to `most`."""
    within = validate.Range(least, most)
    accepted = f"a whole number from {least} to {most}" if most else f"a whole number of at least {least}"
    return _read(variable, default, lambda name: _env.int(name, validate=within), accepted)


def words(variable: str, default: list[str]) -> list[str]:
    split = _read(variable, default, lambda name: _env.list(name, subcast=str.strip), "")
    return [word for word in split if word]


def folder(variable: str, default: Path) -> Path:
    return _read(variable, default, _env.path, "a path").absolute()


def url(variable: str, default: str = "", also: str = "https") -> str:
    """An address: http, https or `also`."""
    address = validate.Regexp(rf"(?i:https?|{also}):[ -~]*\Z")
    return text(variable, default, f"http: or {also}: and an address", address)


def moment(variable: str) -> str:
    """A date and time as RFC 3339 writes it, or empty."""
    return text(variable, "", "a date and time like 2026-01-31T12:00:00Z", RFC_3339, datetime.fromisoformat)


def rate(variable: str, default: str) -> str:
    """How many in how long, as Django REST framework writes it."""
    return text(variable, default, "a number and a period, such as 600/min or 5/s", RATE)


def log_level(variable: str) -> int:
    return _read(variable, logging.INFO, _env.log_level, "DEBUG, INFO, WARNING, ERROR or CRITICAL")


def database(variable: str, default: Path) -> dict[str, Any]:
    """Django's settings of a SQLite or PostgreSQL database, by default SQLite in the file `default`.

    Raises ImproperlyConfigured for another database; the sentence does not repeat the password.
    """
    _known.add(variable)
    try:
        found = dict(_env.dj_db_url(variable, f"sqlite:///{quote(str(default))}"))
    except ValueError:
        found = {}
    if found.get("ENGINE") not in DATABASE_ENGINES:
        raise ImproperlyConfigured(f"{variable} must name SQLite (sqlite:///…) or PostgreSQL (postgres://…).")
    options = found.setdefault("OPTIONS", {})
    # Django's own settings in the query, such as disable_server_side_cursors, are no options of the driver.
    return found | {name.upper(): options.pop(name) for name in list(options) if name.upper() in found}


def secret_key(path: Path) -> str:
    """The key in `path` (mode 0600), created by the first of several processes that start."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        with NamedTemporaryFile("w", dir=path.parent) as draft:
            draft.write(secrets.token_urlsafe(50))
            draft.flush()
            with suppress(FileExistsError):  # another process was first: its key counts
                os.link(draft.name, path)
    key = path.read_text().strip()
    if len(key) < 32:
        raise ImproperlyConfigured(f"{path.name} has no usable secret key: delete it, or set SECRET_KEY.")
    return key


def tokens(variable: str) -> list[str]:
    """The bearer tokens in the variable.

    Raises ImproperlyConfigured when the service would be open although a variable asks for authentication:
    the list contains no token, or the variable is mistyped, or one of AnyVar's for an identity provider.
    """
    found = words(variable, [])
    if os.environ.get(variable) and not found:
        raise ImproperlyConfigured(f"{variable} is set but contains no token: the service would be open.")
    for name, value in os.environ.items():
        if name.startswith("ANYVAR_") and ("AUTH" in name or "TOKEN" in name) and name != variable and value:
            raise ImproperlyConfigured(
                f"{name} is set, but this service reads only {variable} for authentication and would be "
                f"open. Unset {name}, or rename it."
            )
    return found


def celery_passthrough() -> dict[str, Any]:
    """Every CELERY_* variable not read so far, as Celery's own setting: prefix off, lower case, JSON.

    Raises ImproperlyConfigured for a name that Celery does not know, or a value of another type.
    """
    options = dict(flatten(NAMESPACES))
    passed: dict[str, Any] = {}
    for variable in sorted(set(filter(CELERY_VARIABLE.match, os.environ)) - _known):
        name = variable.removeprefix("CELERY_").lower()
        if name == "task_soft_time_limit":
            raise ImproperlyConfigured(f"{variable} is set: this service calls it CELERY_SOFT_TIME_LIMIT.")
        if name not in options:
            raise ImproperlyConfigured(f"{variable} is set, but Celery has no setting called {name}.")
        if os.environ[variable]:
            passed[name] = _celery_value(variable, options[name])
    return passed


def _celery_value(variable: str, option: Option) -> Any:
    value = os.environ[variable]
    with suppress(ValueError):
        value = json.loads(value)
    if value is None or option.type not in CELERY_TYPES:
        return value
    return _parse(variable, lambda _: option.to_python(value), CELERY_TYPES[option.type])
