"""The account of somebody who logs in through the identity provider."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from vcfjobs.accounts.provider_tokens import Identity
from vcfjobs.models import LinkedIdentity
from vcfjobs.runs.adoption import adopt_runs
from vcfjobs.runs.owners import owner_of_account

MOST_OF_A_NAME = 100
_UNUSUAL = re.compile(r"[^\w.@+-]+", re.ASCII)


def account_of(identity: Identity, claims: Mapping[str, Any]) -> User:
    """The account that is linked to the identity; a new one, with the identity's runs, at the first login.

    A new account has no password and no rights, and never the name of another: who is called as somebody
    else is at the provider is not that person here.
    """
    if account := identity.account():
        return account
    for name in _names(identity, claims):
        try:
            with transaction.atomic():
                account = User(username=name)
                account.set_unusable_password()
                account.save()
                LinkedIdentity.objects.create(user=account, issuer=identity.issuer, subject=identity.subject)
                adopt_runs(source=identity.owner, target=owner_of_account(account.pk))
                return account
        except IntegrityError:
            if other := identity.account():  # that was made at the same moment
                return other
    raise IntegrityError("no name is free for the account of an identity")


def _names(identity: Identity, claims: Mapping[str, Any]) -> Iterator[str]:
    """User names to try: what the provider calls them, then with a digest that nobody else has."""
    digest = identity.owner.partition(":")[2]
    called = next(filter(None, map(claims.get, ("preferred_username", "email"))), None)
    name = _UNUSUAL.sub("-", called)[:MOST_OF_A_NAME].strip("-") if isinstance(called, str) else ""
    if name:
        yield name
        yield f"{name}-{digest[:8]}"
    yield f"oidc-{digest}"
