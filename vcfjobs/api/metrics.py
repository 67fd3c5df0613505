"""GET /metrics: the service's figures for Prometheus."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpResponse
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from vcfjobs.api.authentication import TokenUser, sees_everyone
from vcfjobs.api.openapi import operations
from vcfjobs.monitoring import metrics


class OpenOrOperator(BasePermission):
    """Everybody while no tokens are configured; then the bearers of one, and staff."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the call may go on."""
        return (
            not settings.ANYVAR_AUTH_TOKEN_LIST
            or isinstance(request.user, TokenUser)
            or sees_everyone(request)
        )


class MetricsView(APIView):
    """GET /metrics."""

    permission_classes = (OpenOrOperator,)

    @operations.METRICS
    def get(self, request: Request) -> HttpResponse:
        """Runs, queue, speed, storage and broker in Prometheus' text format."""
        return HttpResponse(metrics.exposition(), content_type=CONTENT_TYPE_PLAIN_0_0_4)
