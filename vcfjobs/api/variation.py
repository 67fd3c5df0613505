"""AnyVar's /variation: one allele, written as a gnomAD or SPDI expression, translated and registered."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiExample, OpenApiRequest
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from vcfjobs import errors
from vcfjobs.api import examples, openapi, serializers
from vcfjobs.api.alleles import not_registered
from vcfjobs.api.parameters import VariationQuery, checked
from vcfjobs.references import expressions
from vcfjobs.registry import load, search
from vcfjobs.vrs.expressions import InvalidExpressionError, Translated, UnsupportedExpressionError

NOT_REGISTERED = "Not registered: this service keeps no registry (ANYVAR_REGISTER)."
_REQUEST = OpenApiRequest(
    serializers.VariationRequestSerializer,
    examples=[OpenApiExample("gnomAD", examples.VARIATION), OpenApiExample("SPDI", examples.VARIATION_SPDI)],
)
_RAISED: tuple[openapi.Error, ...] = (
    ParseError,
    UnsupportedMediaType,
    errors.RequestTooLargeError,
    errors.InvalidParameterError,
    InvalidExpressionError,
    UnsupportedExpressionError,
    errors.ReferenceMismatchError,
    errors.UnknownAssemblyError,
    errors.NoReferenceError,
)


class VariationViewSet(ViewSet):
    """Translate expressions."""

    @openapi.registry(
        "register_variation",
        {200: openapi.REGISTERED},
        *_RAISED,
        parameters=(VariationQuery,),
        request=_REQUEST,
    )
    def register(self, request: Request) -> Response:
        """Translate a gnomAD or SPDI expression, and register its allele."""
        given, translated = _translated(request)
        if settings.ANYVAR_REGISTER:
            load.load([translated.row])
        return Response(
            {
                "input_variation": given,
                "messages": [] if settings.ANYVAR_REGISTER else [NOT_REGISTERED],
                "object": translated.vrs,
                "object_id": translated.vrs["id"],
            }
        )

    @openapi.registry(
        "find_variation",
        {200: openapi.OBJECT, 404: serializers.DetailSerializer},
        *_RAISED,
        parameters=(VariationQuery,),
        request=_REQUEST,
    )
    def find(self, request: Request) -> Response:
        """Translate a gnomAD or SPDI expression, and find its allele in the registry."""
        _, translated = _translated(request)
        vrs_id = translated.vrs["id"]
        if not search.registered([vrs_id]):
            return not_registered(vrs_id)
        return Response({"messages": [], "data": translated.vrs})


def _translated(request: Request) -> tuple[dict[str, Any], Translated]:
    """The request's members that are not null, and the allele of its definition."""
    version = checked(VariationQuery, request)["vrs_version"]
    given = serializers.VariationRequestSerializer(data=request.data)
    given.is_valid(raise_exception=True)
    members: dict[str, Any] = given.validated_data
    assembly = members.get("assembly_name", settings.ANYVAR_DEFAULT_ASSEMBLY)
    return members, expressions.translate(members["definition"], assembly, version)
