"""Environment variables, read strictly: a wrong value stops the start with a sentence.

An empty variable counts as unset. A value that begins with $ is that value: nothing is interpolated.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from base64 import b64decode
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from urllib.parse import quote

from celery.app.defaults import NAMESPACES, Option, flatten
from django.core.exceptions import ImproperlyConfigured
from environs import Env, ValidationError, validate

from vcfjobs.notifications.origins import Origin, listed_origin

NOT_NEGATIVE = validate.Range(min=0)
POSITIVE = validate.Range(min=1)
RATE = validate.Regexp(
    r"[1-9]\d*/(s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?)\Z",
    error="Must be a number and a period, such as 600/min or 5/s.",
)
ADDRESS = validate.Regexp(r"(?i:https?):[ -~]*\Z", error="Must be http: or https: and an address.")
CONTACT = validate.Regexp(
    r"(?i:https?|mailto):[ -~]*\Z", error="Must be http:, https: or mailto: and an address."
)
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")

DATABASE_ENGINES = ("django.db.backends.sqlite3", "django.db.backends.postgresql")
AUTHENTICATION_VARIABLE = re.compile("ANYVAR_.*(AUTH|TOKEN)")
ISSUER = "ANYVAR_AUTH_ISSUER_URL"
OF_AN_ISSUER = frozenset(
    (
        "ANYVAR_AUTH_JWKS_URI",
        "ANYVAR_AUTH_AUDIENCES",
        "ANYVAR_AUTH_APPIDS",
        "ANYVAR_AUTH_SCOPES",
        "ANYVAR_AUTH_EMAILS",
        "ANYVAR_AUTH_SUBJECTS",
        "ANYVAR_AUTH_CLIENT_ID",
        "ANYVAR_AUTH_CLIENT_SECRET",
    )
)
# Celery's workers set the excepted variables for their children.
CELERY_VARIABLE = re.compile(
    r"CELERY_(?!(LOADER|CONFIG_MODULE|LOG_LEVEL|LOG_FILE|LOG_REDIRECT|LOG_REDIRECT_LEVEL|SKIP_CHECKS)\Z)"
)
CELERY_TYPES = {"int": "an integer", "float": "a number", "bool": "true or false", "dict": "a JSON object"}


class StrictEnv(Env):
    """environs, to which an empty variable is unset, and which knows the variables that were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def _get_value(self, env_key: str, default: Any) -> Any:
        self.asked.add(env_key)
        return os.environ.get(env_key) or default

    def words(self, variable: str, default: list[str]) -> list[str]:
        return [word for word in self.list(variable, default, subcast=str.strip) if word]

    def database(self, variable: str, default: Path) -> dict[str, Any]:
        """Django's settings of a SQLite or PostgreSQL database, by default SQLite in the file `default`.

        Raises ImproperlyConfigured for another database; no sentence repeats the password.
        """
        found = dict(self.dj_db_url(variable, f"sqlite:///{quote(str(default))}"))
        if found.get("ENGINE") not in DATABASE_ENGINES:
            raise ImproperlyConfigured(
                f"{variable} must name SQLite (sqlite:///…) or PostgreSQL (postgres://…)"
            )
        options = found.setdefault("OPTIONS", {})
        # Django's own settings in the query, as disable_server_side_cursors, are no options of the driver.
        return found | {name.upper(): options.pop(name) for name in list(options) if name.upper() in found}

    def restriction(self, variable: str) -> list[str]:
        """The words of a variable that lists who may call.

        Raises ImproperlyConfigured when it is set but contains none: it would restrict nobody.
        """
        found = self.words(variable, [])
        if os.environ.get(variable) and not found:
            raise ImproperlyConfigured(f"{variable} is set but contains nothing: it would restrict nobody.")
        return found

    def origins(self, variable: str) -> list[Origin]:
        """The origins that a variable lists. Raises ImproperlyConfigured for an entry that is none."""
        try:
            return [listed_origin(entry) for entry in self.words(variable, [])]
        except ValueError as error:
            raise ImproperlyConfigured(f"{variable} has a wrong entry. {error}") from error

    def signing_keys(self, variable: str) -> list[bytes]:
        """The keys that a variable lists, each whsec_ and 24 to 64 bytes in Base64 (Standard Webhooks).

        Raises ImproperlyConfigured for another entry; no sentence repeats it.
        """
        keys = []
        for word in self.words(variable, []):
            key = b""
            with suppress(ValueError):
                key = b64decode(word.removeprefix("whsec_"), validate=True)
            if not (word.startswith("whsec_") and 24 <= len(key) <= 64):
                raise ImproperlyConfigured(
                    f"{variable} must be whsec_ and 24 to 64 random bytes in Base64. Make one by: "
                    'echo "whsec_$(openssl rand -base64 32)"'
                )
            keys.append(key)
        return keys

    def email(self, variable: str) -> dict[str, Any]:
        """Django's settings of a mail server; none if the variable is unset.

        Raises ImproperlyConfigured or EnvValidationError for a wrong address; no sentence repeats it.
        """
        if not self.str(variable, ""):
            return {}
        found: dict[str, Any] = dict(self.dj_email_url(variable))
        if "EMAIL_BACKEND" not in found:
            raise ImproperlyConfigured(f"{variable} must begin with smtp:, submission:, file: or console:")
        return found | {"EMAIL_TIMEOUT": found["EMAIL_TIMEOUT"] or 10}

    def require(self, needed: str, *users: str) -> None:
        """Raise ImproperlyConfigured if one of the variables `users` is set without `needed`."""
        for user in users:
            if os.environ.get(user) and not os.environ.get(needed):
                raise ImproperlyConfigured(f"{user} is set without {needed}, which it needs. Set {needed}.")

    def refuse_unused_authentication(self) -> None:
        """Raise ImproperlyConfigured if a variable asks for authentication in vain.

        It is mistyped, or it restricts the tokens of an issuer that is not named.
        """
        for name in filter(AUTHENTICATION_VARIABLE.match, os.environ):
            if os.environ[name] and name not in self.asked:
                raise ImproperlyConfigured(
                    f"{name} is set, but the service has no such setting and may be more open than you "
                    "think. Unset it, or correct its name."
                )
            if os.environ[name] and name in OF_AN_ISSUER and not os.environ.get(ISSUER):
                raise ImproperlyConfigured(
                    f"{name} is set without {ISSUER}: no token of an identity provider would be accepted. "
                    f"Set {ISSUER}, or unset {name}."
                )

    def celery_passthrough(self) -> dict[str, Any]:
        """Every CELERY_* variable not read so far, as Celery's own setting: prefix off, lower case, JSON.

        Raises ImproperlyConfigured for a name that Celery does not know, or a value of another type.
        """
        options = dict(flatten(NAMESPACES))
        passed: dict[str, Any] = {}
        for variable in sorted(set(filter(CELERY_VARIABLE.match, os.environ)) - self.asked):
            name = variable.removeprefix("CELERY_").lower()
            if name == "task_soft_time_limit":
                raise ImproperlyConfigured(f"{variable} is set: the service calls it CELERY_SOFT_TIME_LIMIT.")
            if name not in options:
                raise ImproperlyConfigured(f"{variable} is set, but Celery has no setting called {name}.")
            if os.environ[variable]:
                passed[name] = _celery_value(variable, options[name])
        return passed


env = StrictEnv()


def moment(value: str) -> None:
    """Raise ValidationError unless the value is a date and time as RFC 3339 writes it."""
    with suppress(ValueError):
        if RFC_3339.fullmatch(value) and datetime.fromisoformat(value):
            return
    raise ValidationError("Must be a date and time like 2026-01-31T12:00:00Z.")


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


def _celery_value(variable: str, option: Option) -> Any:
    value = os.environ[variable]
    with suppress(ValueError):
        value = json.loads(value)
    if value is None or option.type not in CELERY_TYPES:
        return value
    try:
        return option.to_python(value)
    except (TypeError, ValueError):
        raise ImproperlyConfigured(f"{variable} must be {CELERY_TYPES[option.type]}.") from None
