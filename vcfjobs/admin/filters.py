"""Filters of the lists, whose choices are known beforehand: none asks which values a long table holds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from vcfjobs.models import Run, Status
from vcfjobs.monitoring.overview import STUCK
from vcfjobs.runs import submit

PERIODS = {
    "hour": ("In the last hour", timedelta(hours=1)),
    "day": ("In the last 24 hours", timedelta(days=1)),
    "week": ("In the last 7 days", timedelta(days=7)),
}

Choices = list[tuple[str, str]]


class StuckFilter(SimpleListFilter):
    """Pieces that are stuck, by the sweep's own definitions."""

    title = "stuck"
    parameter_name = "stuck"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Choices:
        """The ways to be stuck that the model knows."""
        return [(way.key, way.name) for way in STUCK if way.of_shards or model_admin.model is Run]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The pieces that are stuck so."""
        known = dict(self.lookup_choices)
        way = next((way for way in STUCK if way.key == self.value() and way.key in known), None)
        return way.narrow(queryset) if way else queryset


class EndedFilter(SimpleListFilter):
    """Runs by when they ended."""

    title = "ended"
    parameter_name = "ended"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Choices:
        """The periods."""
        return [(key, name) for key, (name, _) in PERIODS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The runs that ended in the period."""
        period = PERIODS.get(self.value() or "")
        return queryset.filter(finished__gte=timezone.now() - period[1]) if period else queryset


class ErrorCodeFilter(SimpleListFilter):
    """Runs by what they failed of."""

    title = "error code"
    parameter_name = "error_code"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Choices:
        """The codes of failed runs."""
        return [(code, code) for code in Run.FAILURE_CODES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The runs with the code."""
        # Of those that failed: the index of the status leaves little to read through.
        return queryset.filter(status=Status.FAILED, error_code=self.value()) if self.value() else queryset


class AssemblyFilter(SimpleListFilter):
    """Runs by assembly, of those that are registered."""

    title = "assembly"
    parameter_name = "assembly"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Choices:
        """The registered assemblies; not those that some old run names."""
        return [(name, name) for name in submit.registered_assemblies()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The runs against the assembly."""
        return queryset.filter(assembly=self.value()) if self.value() else queryset
