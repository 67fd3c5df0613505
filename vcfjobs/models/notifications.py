"""Notifications: who is to be told of the end of a run, and whether that has been done."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import models
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from vcfjobs.models.work_items import seconds_from_now

if TYPE_CHECKING:
    from vcfjobs.models.runs import Run

EMAIL = "mailto:"
# Longer than an attempt takes. A worker that dies in between leaves the notification to another one.
LEASE_SECONDS = 30
# 20 s after the first attempt, then after twice as long each time: the last one is a day after the first.
FIRST_PAUSE_SECONDS = 20
MOST_ATTEMPTS = 13


class NotificationQuerySet(models.QuerySet["Notification"]):
    def note_end(self, run: Run) -> None:
        """Record whom to tell that `run` has ended; in the transaction that ends it."""
        addresses = filter(None, (run.callback_url, EMAIL if run.email_owner else ""))
        payload = payload_of(run)
        self.bulk_create(
            Notification(run=run, address=address, payload=payload, next_at=Now()) for address in addresses
        )

    def send_again(self) -> int:
        """Begin anew with those that were given up; how many these are."""
        return self.filter(next_at=None, delivered=None).update(next_at=Now(), attempts=0)

    def claim_next(self, without: Iterable[str] = ()) -> Notification | None:
        """The notification that is due for longest, leased to the caller; none to the receivers `without`."""
        due = self.filter(delivered=None, next_at__lte=Now())
        for receiver in without:
            due = due.exclude(address__startswith=receiver)
        for pk in due.order_by("next_at").values_list("pk", flat=True)[:10]:
            claimed = self.filter(pk=pk, next_at__lte=Now())
            if claimed.update(attempts=F("attempts") + 1, next_at=seconds_from_now(LEASE_SECONDS)):
                return self.select_related("run").defer("run__report").get(pk=pk)
        return None


class Notification(models.Model):
    """One message about one end of a run: a run that is retried ends again, and is told again.

    `next_at` is when the next attempt is due: once it is delivered or given up, never. An attempt begins
    with a conditional UPDATE that moves it into the future, so that two workers never make the same one.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run = models.ForeignKey("Run", on_delete=models.CASCADE, related_name="notifications")
    address = models.CharField(
        max_length=2000, help_text="The callback_url, or mailto: for the address that the owner has then."
    )
    payload = models.JSONField(help_text="What is told; the same at each attempt.")
    created = models.DateTimeField(default=timezone.now, editable=False)
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(null=True, blank=True, help_text="When the next attempt is due.")
    delivered = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=255, blank=True, default="", help_text="Of the last attempt.")

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering = ("-created",)
        indexes = (
            models.Index(
                fields=("next_at",), condition=models.Q(delivered=None), name="notification_undelivered"
            ),
        )

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def receiver(self) -> str:
        """How the addresses at the same receiver begin: scheme and host, or mailto:."""
        if self.address == EMAIL:
            return EMAIL
        return urlsplit(self.address)._replace(path="", query="", fragment="").geturl()

    @property
    def state(self) -> str:
        """waiting, delivered, or given up."""
        if self.delivered:
            return "delivered"
        return "given up" if self.next_at is None else "waiting"

    def note_delivery(self) -> None:
        Notification.objects.filter(pk=self.pk).update(delivered=Now(), next_at=None, error="")

    def note_failure(self, sentence: str) -> None:
        """Plan the next attempt, or none after the last, unless another worker has begun one."""
        is_last = self.attempts >= MOST_ATTEMPTS
        pause = seconds_from_now(FIRST_PAUSE_SECONDS * 2 ** (self.attempts - 1))
        mine = Notification.objects.filter(pk=self.pk, attempts=self.attempts, delivered=None)
        mine.update(error=sentence[:255], next_at=None if is_last else pause)


def payload_of(run: Run) -> dict[str, Any]:
    """What is told of an ended run, as Standard Webhooks lays it out. Links begin with ANYVAR_PUBLIC_URL."""
    here = settings.ANYVAR_PUBLIC_URL
    assert run.finished is not None  # noqa: S101  # it has ended
    return {
        "type": f"run.{run.status}",
        "timestamp": run.finished.isoformat(),
        "data": {
            "id": str(run.pk),
            "run_id": run.run_id,
            "status": run.status,
            "file_name": run.file_name,
            "error_code": run.error_code,
            "error": run.error,
            "links": {
                "self": f"{here}/runs/{run.pk}/",
                "vcf": f"{here}/vcf/{run.pk}",
                "page": f"{here}/jobs/{run.pk}/",
            },
        },
    }
