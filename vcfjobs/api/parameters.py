"""The query parameters of each call. A wrong one is answered by a 422 that names it."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from django.conf import settings
from rest_framework import serializers
from rest_framework.request import Request

from vcfjobs.models import Kind, Status
from vcfjobs.notifications.origins import allowed_origin
from vcfjobs.vrs.columns.formats import FORMATS
from vcfjobs.vrs.vcf.browse import FAILED, KINDS, WITHOUT_ID, Region, identifier_prefix
from vcfjobs.vrs.versions import RELEASES


class Switch(serializers.BooleanField):
    """A boolean of a query: true/false/1/0/yes/no/on/off in any case."""

    default_error_messages = {"invalid": "Must be true or false."}
    TRUE_VALUES = {"true", "1", "yes", "on", True}
    FALSE_VALUES = {"false", "0", "no", "off", False}


class VrsVersionField(serializers.ChoiceField):
    """The version of VRS whose identifiers are asked for."""

    def __init__(self) -> None:
        super().__init__(
            choices=list(RELEASES),
            default=lambda: settings.ANYVAR_VRS_VERSION,
            help_text="Default: ANYVAR_VRS_VERSION.",
        )


class UploadQuery(serializers.Serializer[Any]):
    """What PUT /vcf and PUT /annotated_vcf share."""

    assembly = serializers.CharField(required=False, max_length=100)
    allow_async_write = Switch(default=False, help_text="Accepted, without effect.")
    run_async = Switch(default=False)
    run_id = serializers.CharField(required=False, trim_whitespace=False, allow_blank=True)
    file_name = serializers.CharField(
        default="", allow_blank=True, help_text="Instead of the name that the upload itself gives."
    )
    callback_url = serializers.CharField(
        required=False, help_text="Gets a webhook when the run ends, if the operator allows its host."
    )
    email_owner = Switch(default=False, help_text="Send your account an e-mail when the run ends.")

    def validate_callback_url(self, address: str) -> str:
        try:
            allowed_origin(address)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error
        return address


class SubmitQuery(UploadQuery):
    """PUT /vcf."""

    for_ref = Switch(default=True)
    add_vrs_attributes = Switch(default=False)
    vrs_version = VrsVersionField()
    register = Switch(default=True)


class IngestQuery(UploadQuery):
    """PUT /annotated_vcf."""

    require_validation = Switch(default=False, help_text="Recompute the identifiers; answer a CSV.")


class ResultQuery(serializers.Serializer[Any]):
    """GET /vcf/{run_id}."""

    format = serializers.ChoiceField(
        choices=["vcf", "vcf.gz", *FORMATS],
        default="vcf",
        help_text="The annotated VCF (vcf, vcf.gz), or a row for each of its alleles.",
    )
    wait = serializers.FloatField(default=0, min_value=0)


class ListQuery(serializers.Serializer[Any]):
    """GET /runs/."""

    status = serializers.ChoiceField(choices=Status.choices, required=False)
    kind = serializers.ChoiceField(choices=Kind.choices, required=False)
    assembly = serializers.CharField(required=False)
    created_after = serializers.DateTimeField(required=False, source="created__gte")
    created_before = serializers.DateTimeField(required=False, source="created__lt")


class PageQuery(serializers.Serializer[Any]):
    """GET /runs/{run_id}/alleles and /object/{vrs_id}/runs."""

    cursor = serializers.CharField(default="", allow_blank=True)


class RecordsQuery(serializers.Serializer[Any]):
    """GET /runs/{run_id}/records. A record is answered when it meets all of them."""

    region = serializers.CharField(
        required=False, help_text="CHROM, CHROM:POS or CHROM:FIRST-LAST, 1-based, both included."
    )
    id = serializers.CharField(required=False, help_text="One of the record's ids, such as rs6131543.")
    vrs_id = serializers.CharField(
        required=False, help_text="An allele's identifier, or the beginning of one."
    )
    type = serializers.ChoiceField(choices=KINDS, required=False, help_text="Of one of the ALTs.")
    only = serializers.ChoiceField(choices=[FAILED, WITHOUT_ID], required=False)
    page_size = serializers.IntegerField(default=100, min_value=1, max_value=1000)
    cursor = serializers.CharField(default="", allow_blank=True)

    def validate_region(self, text: str) -> Region:
        try:
            return Region.parse(text)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error

    def validate_vrs_id(self, text: str) -> str:
        try:
            return identifier_prefix(text)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error


class VariationsQuery(serializers.Serializer[Any]):
    """GET /variations. Coordinates are inter-residue; an overlap counts both ends."""

    accession = serializers.CharField(help_text="SQ.…, ga4gh:SQ.… or assembly:contig.")
    start = serializers.IntegerField(min_value=0, max_value=2**31 - 1)
    end = serializers.IntegerField(min_value=0, max_value=2**31 - 1)
    page_size = serializers.IntegerField(default=1000, min_value=1, max_value=10_000)
    cursor = serializers.CharField(default="", allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["start"] > attrs["end"]:
            raise serializers.ValidationError({"start": "Must not be above end."})
        return attrs


class VariationQuery(serializers.Serializer[Any]):
    """PUT and POST /variation."""

    vrs_version = VrsVersionField()


class MappingsQuery(serializers.Serializer[Any]):
    """GET /object/{vrs_id}/mappings: what AnyVar takes, without effect while there are no mappings."""

    mapping_type = serializers.CharField(required=False)
    as_source = Switch(default=True)


class SchemaQuery(serializers.Serializer[Any]):
    """GET /schema/."""

    format = serializers.ChoiceField(choices=["yaml", "json"], default="yaml")


class SearchQuery(VariationsQuery):
    """GET /search: AnyVar 1.0 has no pages, so the first page has the largest size."""

    page_size = serializers.IntegerField(default=10_000, min_value=1, max_value=10_000)


def checked(
    kind: type[serializers.Serializer[Any]], request: Request, *, also: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The validated parameters of a request. Those in `also` are allowed, but read elsewhere.

    Raises ValidationError, which becomes a 422. For an unknown parameter it suggests the nearest known one.
    """
    serializer = kind(data=request.query_params.dict())
    known = [*serializer.fields, *also]
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        raise serializers.ValidationError({name: _unknown(name, known) for name in unknown})
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _unknown(name: str, known: list[str]) -> str:
    nearest = get_close_matches(name.lower(), known, n=1)
    hint = f"Did you mean {nearest[0]}?" if nearest else f"Known: {', '.join(known)}."
    return f"Unknown parameter. {hint}"
