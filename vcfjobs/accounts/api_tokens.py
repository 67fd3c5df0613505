"""API tokens of accounts: make, check, rotate.

A token is `vrs_` and 256 random bits. It has so much entropy that one round of SHA-256 protects it as well as
a slow hash of a password would, and a check is one probe of an index.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from vcfjobs.database.retry import DATABASE_OUTAGE
from vcfjobs.errors import TooManyTokensError
from vcfjobs.models import ApiToken

logger = logging.getLogger(__name__)

PREFIX = "vrs_"
RANDOM_BYTES = 32
MOST_OF_AN_ACCOUNT = 50


def issue(*, user: User, name: str, expires: datetime | None) -> tuple[ApiToken, str]:
    """A new token of the account, as its row and its text, which is stored nowhere.

    Raises TooManyTokensError when the account has MOST_OF_AN_ACCOUNT usable ones.
    """
    if ApiToken.objects.usable(timezone.now()).filter(user=user).count() >= MOST_OF_AN_ACCOUNT:
        raise TooManyTokensError(MOST_OF_AN_ACCOUNT)
    text = new_text()
    token = ApiToken.objects.create(user=user, name=name, expires=expires, digest=digest_of(text))
    logger.info("API token %d of account %d was made", token.pk, user.pk)
    return token, text


def rotate(token: ApiToken) -> tuple[ApiToken, str]:
    """A new token with the name and the lifetime of this one, which is revoked.

    Raises ApiToken.DoesNotExist for a token that is revoked already.
    """
    expires = timezone.now() + (token.expires - token.created) if token.expires else None
    with transaction.atomic():
        if not revoke(token):
            raise ApiToken.DoesNotExist
        return issue(user=token.user, name=token.name, expires=expires)


def revoke(token: ApiToken) -> bool:
    """End the token at once, in all processes; False when it was revoked before."""
    revoked = token.revoke()
    if revoked:
        logger.info("API token %d of account %d was revoked", token.pk, token.user_id)
    return revoked


def check(text: str) -> ApiToken | None:
    """The usable token with this text, with its account; one query, and one UPDATE a minute."""
    now = timezone.now()
    found = ApiToken.objects.usable(now).select_related("user").filter(digest=digest_of(text)).first()
    if found:
        try:
            found.note_use(now)
        except DATABASE_OUTAGE:  # a busy or read-only database refuses no caller
            logger.warning("the use of API token %d was not noted", found.pk)
    return found


def new_text() -> str:
    """The text of a token that nobody can guess."""
    return PREFIX + secrets.token_urlsafe(RANDOM_BYTES)


def digest_of(text: str) -> str:
    """SHA-256 of the token's text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
