"""Unknown addresses under the API answer as the API does."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from vcfjobs.api.health import OpenView


class NotFoundView(OpenView):
    """Any method on an address that is none."""

    @extend_schema(exclude=True)
    def get(self, request: Request, rest: str = "") -> Response:
        """404 as a problem document."""
        raise NotFound

    post = put = delete = patch = get
