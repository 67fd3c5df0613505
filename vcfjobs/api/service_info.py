"""GET /service-info: GA4GH service-info 1.0."""

from __future__ import annotations

from django.conf import settings
from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from vcfjobs.api.health import OpenView
from vcfjobs.api.openapi import operations
from vcfjobs.references import assemblies
from vcfjobs.vrs.vcf.header import VRS_VERSION


class ServiceInfoView(OpenView):
    """What this service is."""

    @operations.SERVICE_INFO
    def get(self, request: Request) -> Response:
        """The service's name, version, VRS version and registered assemblies."""
        api = settings.SPECTACULAR_SETTINGS
        documented = settings.ANYVAR_DOCUMENTATION_URL or request.build_absolute_uri(reverse("docs"))
        # Left out where nobody has said it.
        said = {
            "contactUrl": settings.ANYVAR_CONTACT_URL,
            "createdAt": settings.ANYVAR_SERVICE_CREATED_AT,
            "updatedAt": settings.ANYVAR_SERVICE_UPDATED_AT,
        }
        return Response(
            {
                "id": settings.ANYVAR_SERVICE_ID,
                "name": api["TITLE"],
                # org.ga4gh is for GA4GH's own specifications; this API is in the service's namespace.
                "type": {
                    "group": settings.ANYVAR_SERVICE_ID.rpartition(".")[0] or settings.ANYVAR_SERVICE_ID,
                    "artifact": "vcfjobs",
                    "version": api["VERSION"],
                },
                "description": api["DESCRIPTION"],
                "organization": {
                    "name": settings.ANYVAR_ORGANIZATION_NAME,
                    "url": settings.ANYVAR_ORGANIZATION_URL,
                },
                **{name: value for name, value in said.items() if value},
                "documentationUrl": documented,
                "environment": settings.ANYVAR_SERVICE_ENVIRONMENT,
                "version": api["VERSION"],
                "spec_metadata": {"vrs_version": VRS_VERSION},
                "assemblies": assemblies.registered_assemblies(),
            }
        )
