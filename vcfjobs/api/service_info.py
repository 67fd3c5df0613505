"""GET /service-info: GA4GH service-info 1.0."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from vcfjobs import services
from vcfjobs.api.health import OpenView
from vcfjobs.vrs.header import VRS_VERSION


class ServiceInfoSerializer(serializers.Serializer[Any]):
    """The document of the GA4GH service-info specification, and what we add."""

    id = serializers.CharField()
    name = serializers.CharField()
    type = serializers.DictField(child=serializers.CharField())
    description = serializers.CharField()
    organization = serializers.DictField(child=serializers.CharField())
    version = serializers.CharField()
    environment = serializers.CharField()
    vrs_version = serializers.CharField()
    assemblies = serializers.ListField(child=serializers.CharField())


class ServiceInfoView(OpenView):
    """What this service is."""

    @extend_schema(responses={200: ServiceInfoSerializer})
    def get(self, request: Request) -> Response:
        """The service's name, version, VRS version and registered assemblies."""
        return Response(
            {
                "id": settings.ANYVAR_SERVICE_ID,
                "name": "VCF annotation with GA4GH VRS allele identifiers",
                "type": {"group": "org.ga4gh", "artifact": "vrs-vcf-annotation", "version": "1.0.0"},
                "description": settings.SPECTACULAR_SETTINGS["DESCRIPTION"],
                "organization": {
                    "name": settings.ANYVAR_ORGANIZATION_NAME,
                    "url": settings.ANYVAR_ORGANIZATION_URL,
                },
                "version": settings.SPECTACULAR_SETTINGS["VERSION"],
                "environment": "test" if settings.DEBUG else "prod",
                "vrs_version": VRS_VERSION,
                "assemblies": services.registered_assemblies(),
            }
        )
