"""What identifies an account besides its password: API tokens, and subjects of the identity provider."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

LAST_USED_SECONDS = 60


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def usable(self, now: datetime) -> Self:
        """The tokens that open the service at `now`: neither revoked nor expired, of an active account."""
        unexpired = Q(expires=None) | Q(expires__gt=now)
        return self.filter(unexpired, revoked=None, user__is_active=True)


class ApiToken(models.Model):
    """A bearer token of an account. Only the SHA-256 of its text is stored."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100, help_text="What it is for, such as the host that uses it.")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created = models.DateTimeField(default=timezone.now, editable=False)
    last_used = models.DateTimeField(null=True, blank=True, editable=False, help_text="To the minute.")
    expires = models.DateTimeField(null=True, blank=True, help_text="Empty: it does not expire.")
    revoked = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = "API token"
        ordering = ("-created", "-id")

    def __str__(self) -> str:
        return self.name

    @property
    def is_usable(self) -> bool:
        """Whether it opens the service, if its account is active."""
        return self.revoked is None and (self.expires is None or self.expires > timezone.now())

    def revoke(self) -> bool:
        """End the token; False when it was revoked before."""
        rows = ApiToken.objects.filter(pk=self.pk, revoked=None)
        return bool(rows.update(revoked=timezone.now()))

    def note_use(self, now: datetime) -> None:
        """Note that the token was used: at most one UPDATE a minute, by whichever process is first."""
        before = now - timedelta(seconds=LAST_USED_SECONDS)
        if self.last_used is None or self.last_used <= before:
            stale = Q(last_used=None) | Q(last_used__lte=before)
            ApiToken.objects.filter(stale, pk=self.pk).update(last_used=now)


class LinkedIdentity(models.Model):
    """A subject of an identity provider who is the same person as an account."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="identities")
    issuer = models.CharField(max_length=255, help_text="The claim iss of the provider's tokens.")
    subject = models.CharField(max_length=255, help_text="The claim sub of this person's tokens.")

    class Meta:
        verbose_name_plural = "linked identities"
        constraints = (
            models.UniqueConstraint(fields=("issuer", "subject"), name="one_account_of_an_identity"),
        )

    def __str__(self) -> str:
        return f"{self.subject} at {self.issuer}"
