"""Filters whose choices are known, so that no list reads a long table to find them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from celery import states
from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from vcfjobs.models import Run, Status
from vcfjobs.monitoring.overview import STUCK
from vcfjobs.references.assemblies import registered_assemblies

PERIODS = {
    "hour": ("In the last hour", timedelta(hours=1)),
    "day": ("In the last 24 hours", timedelta(days=1)),
    "week": ("In the last 7 days", timedelta(days=7)),
}

Choices = list[tuple[str, str]]


class ColumnFilter(SimpleListFilter):
    """Rows by the value of the column `parameter_name`; Django's own filter asks which values occur."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**self.used_parameters)


class StuckFilter(SimpleListFilter):
    """Runs or shards that are stuck, by the sweep's own definitions."""

    title = "stuck"
    parameter_name = "stuck"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Choices:
        return [(way.key, way.name) for way in STUCK if way.of_shards or model_admin.model is Run]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        known = dict(self.lookup_choices)
        way = next((way for way in STUCK if way.key == self.value() and way.key in known), None)
        return way.narrow(queryset) if way else queryset


class EndedFilter(SimpleListFilter):
    """Runs by when they ended."""

    title = "ended"
    parameter_name = "ended"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Choices:
        return [(key, name) for key, (name, _) in PERIODS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        period = PERIODS.get(self.value() or "")
        return queryset.filter(finished__gte=timezone.now() - period[1]) if period else queryset


class ErrorCodeFilter(ColumnFilter):
    """Failed runs by their error code."""

    title = "error code"
    parameter_name = "error_code"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Choices:
        return [(code, code) for code in Run.FAILURE_CODES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        # The index of the error codes contains failed runs alone.
        found = super().queryset(request, queryset)
        return found.filter(status=Status.FAILED) if self.used_parameters else found


class AssemblyFilter(ColumnFilter):
    """Runs by registered assembly, without the names that only old runs have."""

    title = "assembly"
    parameter_name = "assembly"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Choices:
        return [(name, name) for name in registered_assemblies()]


class StateFilter(ColumnFilter):
    """Results by Celery's state."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Choices:
        return [(state, state.capitalize()) for state in (states.STARTED, states.SUCCESS, states.FAILURE)]
