"""The service itself: health, readiness, metrics, GA4GH service-info, and addresses that do not exist."""

from __future__ import annotations

from typing import Any, cast

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.views import SpectacularAPIView
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from vcfjobs import __version__
from vcfjobs.api import openapi
from vcfjobs.api.authentication import TokenUser
from vcfjobs.api.parameters import SchemaQuery, checked
from vcfjobs.api.problems import DatabaseUnavailableError
from vcfjobs.api.serializers import HealthSerializer, ServiceInfoSerializer
from vcfjobs.checks import database_is_migrated, work_directory_is_writable
from vcfjobs.monitoring import metrics
from vcfjobs.references import assemblies
from vcfjobs.runs.owners import is_open, sees_everyone
from vcfjobs.vrs.versions import RELEASES, VrsVersion
from vcfjobs.worker import dispatch

OK, UNAVAILABLE = "ok", "unavailable"


class OpenViewSet(ViewSet):
    """Answers without authentication."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @openapi.service("get_health", {200: HealthSerializer}, public=True)
    def healthz(self, request: Request) -> Response:
        """The process is alive."""
        return Response({"status": OK})

    @openapi.service("get_readiness", {200: HealthSerializer, 503: HealthSerializer}, public=True)
    def readyz(self, request: Request) -> Response:
        """The state of database, broker and work directory; 503 unless all are ok."""
        parts = {
            "database": _database(),
            "broker": OK if dispatch.answers() else UNAVAILABLE,
            "work_directory": OK if work_directory_is_writable() else UNAVAILABLE,
        }
        state = OK if all(part == OK for part in parts.values()) else UNAVAILABLE
        return Response({"status": state, "parts": parts}, status=200 if state == OK else 503)

    @openapi.service("get_service_info", {200: ServiceInfoSerializer}, DatabaseUnavailableError, public=True)
    def service_info(self, request: Request) -> Response:
        """The service's name, version, VRS version and registered assemblies."""
        members = {
            "id": settings.ANYVAR_SERVICE_ID,
            "name": settings.SPECTACULAR_SETTINGS["TITLE"],
            # org.ga4gh is for GA4GH's own specifications; this API is in the service's namespace.
            "type": {
                "group": settings.ANYVAR_SERVICE_ID.rpartition(".")[0] or settings.ANYVAR_SERVICE_ID,
                "artifact": "vcfjobs",
                "version": __version__,
            },
            "description": settings.SPECTACULAR_SETTINGS["DESCRIPTION"],
            "organization": {
                "name": settings.ANYVAR_ORGANIZATION_NAME,
                "url": settings.ANYVAR_ORGANIZATION_URL,
            },
            "contactUrl": settings.ANYVAR_CONTACT_URL,
            "createdAt": settings.ANYVAR_SERVICE_CREATED_AT,
            "updatedAt": settings.ANYVAR_SERVICE_UPDATED_AT,
            "documentationUrl": settings.ANYVAR_DOCUMENTATION_URL
            or request.build_absolute_uri(reverse("docs")),
            "environment": settings.ANYVAR_SERVICE_ENVIRONMENT,
            "version": __version__,
            "spec_metadata": {
                "vrs_version": RELEASES[cast("VrsVersion", settings.ANYVAR_VRS_VERSION)],
                "vrs_versions": list(RELEASES),
            },
            "assemblies": assemblies.registered_assemblies(),
        }
        return Response({name: value for name, value in members.items() if value != ""})


class SchemaView(SpectacularAPIView):
    """The OpenAPI document, as YAML unless `?format=json` is asked for."""

    renderer_classes = [OpenApiJsonRenderer]  # of errors too

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if checked(SchemaQuery, request, also=("lang", "version"))["format"] == "yaml":
            self.renderer_classes = [OpenApiYamlRenderer]
        super().initial(request, *args, **kwargs)


class NotFoundView(APIView):
    """404 as a problem document, whatever the method and whoever calls."""

    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound


def _database() -> str:
    try:
        return OK if database_is_migrated() else "not migrated: run manage.py migrate"
    except (DatabaseError, InterfaceError):
        connection.close()
        return UNAVAILABLE


class OpenOrOperator(BasePermission):
    """Everybody while the service is open; otherwise bearers of a listed token, and staff."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        user = request.user
        return is_open() or isinstance(user, TokenUser) or sees_everyone(user)


class MetricsView(APIView):
    permission_classes = (OpenOrOperator,)

    @openapi.service("get_metrics", {(200, "text/plain"): str}, PermissionDenied)
    def get(self, request: Request) -> HttpResponse:
        """Runs, queue, speed, storage and broker in Prometheus' text format."""
        return HttpResponse(metrics.exposition(), content_type=CONTENT_TYPE_PLAIN_0_0_4)
