"""AnyVar's /variation and /variations: alleles written as gnomAD or SPDI expressions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiExample, OpenApiRequest
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ListSerializer

from vcfjobs import errors
from vcfjobs.api import examples, openapi, serializers
from vcfjobs.api.alleles import NO_REGISTRY, RegistryViewSet, not_registered
from vcfjobs.api.parameters import VariationQuery, checked
from vcfjobs.references.expressions import Translator
from vcfjobs.registry import load, search
from vcfjobs.vrs.expressions import InvalidExpressionError, Translated, UnsupportedExpressionError

MOST = 1000
_REQUEST = OpenApiRequest(
    serializers.VariationRequestSerializer,
    examples=[OpenApiExample("gnomAD", examples.VARIATION), OpenApiExample("SPDI", examples.VARIATION_SPDI)],
)
_RAISED: tuple[openapi.Error, ...] = (
    ParseError,
    UnsupportedMediaType,
    errors.RequestTooLargeError,
    errors.InvalidParameterError,
    errors.NoReferenceError,
)
_OF_ONE: tuple[openapi.Error, ...] = (
    InvalidExpressionError,
    UnsupportedExpressionError,
    errors.ReferenceMismatchError,
    errors.UnknownAssemblyError,
)


class VariationViewSet(RegistryViewSet):
    """The registry by expression."""

    @openapi.registry(
        "register_variation",
        {200: openapi.REGISTERED},
        *_RAISED,
        *_OF_ONE,
        parameters=(VariationQuery,),
        request=_REQUEST,
    )
    def register(self, request: Request) -> Response:
        """Translate a gnomAD or SPDI expression, and register its allele."""
        given, translated = _translated(request)
        return Response(_registered([(given, translated)])[0])

    @openapi.registry(
        "find_variation",
        {200: openapi.OBJECT, 404: serializers.DetailSerializer},
        *_RAISED,
        *_OF_ONE,
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

    @openapi.registry(
        "register_variations",
        {200: openapi.REGISTERED_MANY},
        *_RAISED,
        parameters=(VariationQuery,),
        request=OpenApiRequest(
            serializers.VariationRequestSerializer(many=True),
            examples=[OpenApiExample("One expression", examples.VARIATION)],
        ),
    )
    def register_many(self, request: Request) -> Response:
        """Register the alleles of up to 1,000 expressions.

        The answers are in the order of the request. That of an expression that cannot be translated has a
        message and no allele; the others are registered all the same.
        """
        translator = _translator(request)
        request_of_one = serializers.VariationRequestSerializer()
        many: ListSerializer[Any] = ListSerializer(child=request_of_one, data=request.data, max_length=MOST)
        many.is_valid(raise_exception=True)
        results: list[tuple[dict[str, Any], Translated | errors.InvalidParameterError]] = []
        for given in many.validated_data:
            try:
                results.append((given, _translate(translator, given)))
            except errors.InvalidParameterError as error:
                results.append((given, error))
        return Response(_registered(results))


def _translator(request: Request) -> Translator:
    return Translator(checked(VariationQuery, request)["vrs_version"])


def _translated(request: Request) -> tuple[dict[str, Any], Translated]:
    """The request's members that are not null, and the allele of its definition."""
    translator = _translator(request)
    given = serializers.VariationRequestSerializer(data=request.data)
    given.is_valid(raise_exception=True)
    return given.validated_data, _translate(translator, given.validated_data)


def _translate(translator: Translator, given: dict[str, Any]) -> Translated:
    """The allele of a request. Raises UnsupportedExpressionError for a copy number, and as the translator."""
    kind = given.get("input_type")
    if kind != "Allele" and (kind or "copies" in given or "copy_change" in given):
        raise UnsupportedExpressionError("Copy numbers are not translated here: input_type must be Allele.")
    return translator.translate(
        given["definition"], given.get("assembly_name", settings.ANYVAR_DEFAULT_ASSEMBLY)
    )


def _registered(
    results: Sequence[tuple[dict[str, Any], Translated | errors.InvalidParameterError]],
) -> list[dict[str, Any]]:
    """Register the alleles, and answer each request as AnyVar does."""
    if settings.ANYVAR_REGISTER:
        load.load([result.row for _, result in results if isinstance(result, Translated)])
    messages = [] if settings.ANYVAR_REGISTER else [NO_REGISTRY]
    return [
        {
            "input_variation": given,
            "messages": messages,
            "object": result.vrs,
            "object_id": result.vrs["id"],
        }
        if isinstance(result, Translated)
        else {"input_variation": given, "messages": [result.sentence]}
        for given, result in results
    ]
