"""AnyVar's mappings between objects and annotations of them: answered, but never stored here."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import MethodNotAllowed
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from vcfjobs import errors
from vcfjobs.api import openapi, serializers
from vcfjobs.api.alleles import not_registered
from vcfjobs.api.parameters import MappingsQuery, checked
from vcfjobs.registry import search


class MetadataViewSet(ViewSet):
    """Empty lists for registered objects, so that clients that look here find nothing rather than fail.

    A type in the address, as AnyVar 1.0 has it, narrows down nothing.
    """

    @openapi.registry(
        "get_object_mappings",
        {200: serializers.MappingsSerializer, 404: serializers.DetailSerializer},
        errors.InvalidParameterError,
        parameters=(openapi.VRS_ID, MappingsQuery),
    )
    def mappings(self, request: Request, vrs_id: str, mapping_type: str = "") -> Response:
        """The mappings of an object: none, for nothing is lifted over here."""
        checked(MappingsQuery, request)
        return _empty("mappings", vrs_id)

    @openapi.registry(
        "get_object_annotations",
        {200: serializers.AnnotationsSerializer, 404: serializers.DetailSerializer},
        parameters=(openapi.VRS_ID,),
    )
    def annotations(self, request: Request, vrs_id: str, annotation_type: str = "") -> Response:
        """The annotations of an object: none, for none are stored here."""
        return _empty("annotations", vrs_id)

    def http_method_not_allowed(  # type: ignore[override]
        self, request: Request, *args: Any, **kwargs: Any
    ) -> Response:
        """405 for PUT, POST and DELETE, with the reason."""
        raise MethodNotAllowed(request.method or "", "This service stores no mappings and no annotations.")


def _empty(member: str, vrs_id: str) -> Response:
    if not search.registered([vrs_id]):
        return not_registered(vrs_id)
    return Response({member: []})
