"""The documents of the API: runs, alleles, the service, and errors."""

from __future__ import annotations

import math
from typing import Any, cast
from urllib.parse import quote

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from vcfjobs.models import Kind, Notification, Run, Status
from vcfjobs.runs.estimates import Outlook
from vcfjobs.vrs.vcf.report import without_internals


class LinksSerializer(serializers.Serializer[Any]):
    """Addresses of a run; a member is absent when its file does not exist."""

    self = serializers.CharField()
    vcf = serializers.CharField()
    result = serializers.CharField(required=False)
    text = serializers.CharField(required=False)
    index = serializers.CharField(required=False)
    records = serializers.CharField(required=False)
    failures = serializers.CharField(required=False)


class RunListSerializer(serializers.ModelSerializer[Run]):
    expired = serializers.BooleanField(source="is_expired", read_only=True)
    warning = serializers.CharField(
        source="without_ids_sentence", read_only=True, help_text="Empty when every record has an identifier."
    )
    links = serializers.SerializerMethodField()

    class Meta:
        model = Run
        fields: tuple[str, ...] = (
            "id", "run_id", "kind", "status", "progress", "records_done", "records_without_ids", "warning",
            "assembly", "for_ref", "add_vrs_attributes", "register", "vrs_version",
            "file_name", "input_format", "input_bytes", "input_sha256", "input_annotated_by",
            "result_bytes", "result_text_bytes", "result_sha256", "attempt", "error_code", "error",
            "created", "started", "finished", "expires", "expired", "links",
        )  # fmt: skip

    @extend_schema_field(LinksSerializer)
    def get_links(self, run: Run) -> dict[str, str]:
        here = f"/runs/{run.pk}/"
        links = {"self": here, "vcf": vcf_address(run)}
        if run.status == Status.SUCCEEDED and run.kind == Kind.ANNOTATE and not run.is_expired:
            links |= {
                "result": f"{here}result.vcf.gz",
                "text": f"{here}result.vcf",
                "records": f"{here}records",
            }
            if run.indexed:
                links["index"] = f"{here}result.vcf.gz.tbi"
        if run.finished is not None:
            links["failures"] = f"{here}failures"
        return links


class NotificationSerializer(serializers.ModelSerializer[Notification]):
    """A message about an end of the run; `address` is `mailto:` for an e-mail to the owner."""

    state = serializers.ChoiceField(["waiting", "delivered", "given up"])

    class Meta:
        model = Notification
        fields = ("id", "address", "state", "created", "attempts", "next_at", "delivered", "error")


class RunSerializer(RunListSerializer):
    """A run, with the `outlook` of the context."""

    queue_place = serializers.SerializerMethodField(
        help_text="1 for the run that is claimed next, 1001 for every place after 1000; null unless queued."
    )
    seconds_left = serializers.SerializerMethodField(
        help_text="Until the run ends: an estimate from its progress, or from the queue before it."
    )
    report = serializers.SerializerMethodField()
    notifications = serializers.SerializerMethodField()

    class Meta(RunListSerializer.Meta):
        more = (
            "queue_place", "seconds_left", "records_per_second", "attempt_limit", "shard_count", "report",
            "callback_url", "email_owner", "notifications",
        )  # fmt: skip
        fields = RunListSerializer.Meta.fields + more

    def get_queue_place(self, run: Run) -> int | None:
        return cast("Outlook", self.context["outlook"]).place

    def get_seconds_left(self, run: Run) -> int | None:
        """In whole seconds, rounded up."""
        seconds = cast("Outlook", self.context["outlook"]).seconds_left
        return None if seconds is None else math.ceil(seconds)

    def get_report(self, run: Run) -> dict[str, Any] | None:
        """The engine's report, without what merging alone needs."""
        return None if run.report is None else without_internals(run.report)

    @extend_schema_field(NotificationSerializer(many=True))
    def get_notifications(self, run: Run) -> list[dict[str, Any]]:
        """Whom the service has told of the run's ends, the latest first."""
        told = run.notifications.all() if run.callback_url or run.email_owner else ()
        return list(NotificationSerializer(told, many=True).data)


class EndedRunSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    run_id = serializers.CharField()
    status = serializers.CharField(help_text="succeeded, failed or cancelled.")
    file_name = serializers.CharField(allow_blank=True)
    error_code = serializers.CharField(allow_blank=True)
    error = serializers.CharField(allow_blank=True)
    links = serializers.DictField(child=serializers.CharField(), help_text="self, vcf and page.")


class RunEndedSerializer(serializers.Serializer[Any]):
    """The body of a webhook. Links begin with the service's address if the operator has set it."""

    type = serializers.ChoiceField(["run.succeeded", "run.failed", "run.cancelled"])
    timestamp = serializers.DateTimeField()
    data = EndedRunSerializer()  # type: ignore[assignment]


class RunStatusSerializer(serializers.Serializer[Any]):
    run_id = serializers.CharField()
    status = serializers.CharField()
    status_message = serializers.CharField()
    progress = serializers.FloatField(required=False)
    records = serializers.IntegerField(required=False)


class FailureSerializer(serializers.Serializer[Any]):
    """A record without identifiers, because of its REF or position; POS counts from 1."""

    chrom = serializers.CharField()
    pos = serializers.IntegerField()
    reason = serializers.CharField()
    ref = serializers.CharField(help_text="REF in the file, 50 bases at most; may be empty.")
    reference = serializers.CharField(help_text="The reference's bases there, 50 at most; may be empty.")


class FailuresSerializer(serializers.Serializer[Any]):
    failed = serializers.DictField(child=serializers.IntegerField())
    failures = FailureSerializer(many=True)


class RecordAlleleSerializer(serializers.Serializer[Any]):
    """An allele of a record: 0 is REF, 1 the first ALT. The attributes are null where the file has none.

    `start` and `end` are inter-residue.
    """

    index = serializers.IntegerField()
    vrs_id = serializers.CharField(allow_null=True)
    start = serializers.IntegerField(allow_null=True)
    end = serializers.IntegerField(allow_null=True)
    state = serializers.CharField(allow_null=True)
    length = serializers.IntegerField(allow_null=True)
    repeat_subunit_length = serializers.IntegerField(allow_null=True)


class RecordSerializer(serializers.Serializer[Any]):
    """A record of a result; POS counts from 1. A record above 1 MiB may be `truncated`."""

    chrom = serializers.CharField()
    pos = serializers.IntegerField(allow_null=True)
    id = serializers.CharField(allow_null=True)
    ref = serializers.CharField()
    alts = serializers.ListField(child=serializers.CharField())
    alleles = RecordAlleleSerializer(many=True)
    error = serializers.CharField(allow_null=True, help_text="VRS_Error.")
    truncated = serializers.BooleanField()


class PlaceSerializer(serializers.Serializer[Any]):
    chrom = serializers.CharField()
    pos = serializers.IntegerField()


class RecordsSerializer(serializers.Serializer[Any]):
    """Records in the file's order. A page that is not full may have a next one.

    `searched_to` is where the search stopped because it took too long; the next page continues there.
    """

    records = RecordSerializer(many=True)
    searched_to = PlaceSerializer(allow_null=True)
    next_cursor = serializers.CharField(allow_null=True)


class RunErrorSerializer(serializers.Serializer[Any]):
    """AnyVar's error shape."""

    error = serializers.CharField()
    error_code = serializers.CharField()


class ProblemSerializer(RunErrorSerializer):
    """An error (RFC 9457), with AnyVar's members."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()


class SequenceReferenceSerializer(serializers.Serializer[Any]):
    type = serializers.ChoiceField(["SequenceReference"])
    refgetAccession = serializers.CharField()  # noqa: N815  (VRS's name)


class SequenceLocationSerializer(serializers.Serializer[Any]):
    """A VRS location: [start, end), inter-residue."""

    id = serializers.CharField()
    type = serializers.ChoiceField(["SequenceLocation"])
    digest = serializers.CharField()
    sequenceReference = SequenceReferenceSerializer()  # noqa: N815
    start = serializers.IntegerField()
    end = serializers.IntegerField()


class StateSerializer(serializers.Serializer[Any]):
    """A VRS state: a literal sequence, or a reference-length expression with its two lengths."""

    type = serializers.ChoiceField(["LiteralSequenceExpression", "ReferenceLengthExpression"])
    sequence = serializers.CharField(required=False, allow_blank=True)
    length = serializers.IntegerField(required=False)
    repeatSubunitLength = serializers.IntegerField(required=False)  # noqa: N815


class AlleleSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    type = serializers.ChoiceField(["Allele"])
    digest = serializers.CharField()
    location = SequenceLocationSerializer()
    state = StateSerializer()


class ObjectSerializer(serializers.Serializer[Any]):
    messages = serializers.ListField(child=serializers.CharField())
    data = AlleleSerializer()  # type: ignore[assignment]
    ids_by_vrs_version = serializers.DictField(
        child=serializers.CharField(),
        required=False,
        help_text="The allele's identifier under VRS 2.0 and under 2.1; absent when both are the same, and "
        "when the reference is no longer registered or the repeat subunit is longer than 1,048,576 bases.",
    )


class VariationRequestSerializer(serializers.Serializer[Any]):
    """AnyVar's request: an allele as an expression, and the assembly of its contig."""

    definition = serializers.CharField(help_text="gnomAD (7-140753336-A-T), or SPDI on a genomic sequence.")
    input_type = serializers.ChoiceField(
        ["Allele", "CopyNumberChange", "CopyNumberCount"],
        required=False,
        allow_null=True,
        help_text="Copy numbers are refused.",
    )
    copies = serializers.IntegerField(required=False, allow_null=True, help_text="As copy_change.")
    copy_change = serializers.CharField(
        required=False, allow_null=True, help_text="Without effect on an Allele, otherwise refused."
    )
    assembly_name = serializers.CharField(
        required=False,
        allow_null=True,
        max_length=100,
        help_text="Of a gnomAD expression. Default: ANYVAR_DEFAULT_ASSEMBLY.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The members that are not null."""
        return {name: value for name, value in attrs.items() if value is not None}


class RegisteredVariationSerializer(serializers.Serializer[Any]):
    """AnyVar's answer: the request's members that are not null, and the allele."""

    input_variation = VariationRequestSerializer()
    messages = serializers.ListField(child=serializers.CharField())
    object = AlleleSerializer()
    object_id = serializers.CharField()


class VariationResultSerializer(RegisteredVariationSerializer):
    """One of many: without an allele when it could not be translated; the messages say why."""

    object = AlleleSerializer(required=False)
    object_id = serializers.CharField(required=False)


class MappingSerializer(serializers.Serializer[Any]):
    source_id = serializers.CharField()
    dest_id = serializers.CharField()
    mapping_type = serializers.CharField()


class MappingsSerializer(serializers.Serializer[Any]):
    mappings = MappingSerializer(many=True)


class AnnotationSerializer(serializers.Serializer[Any]):
    object_id = serializers.CharField()
    annotation_type = serializers.CharField()
    annotation_value = serializers.JSONField()


class AnnotationsSerializer(serializers.Serializer[Any]):
    annotations = AnnotationSerializer(many=True)


class DetailSerializer(serializers.Serializer[Any]):
    detail = serializers.CharField()


class IdsSerializer(serializers.Serializer[Any]):
    ids = serializers.ListField(child=serializers.CharField(), max_length=10_000)


class ObjectsSerializer(serializers.Serializer[Any]):
    objects = serializers.DictField(child=AlleleSerializer())
    missing = serializers.ListField(child=serializers.CharField())


class VariationsSerializer(serializers.Serializer[Any]):
    """A page of alleles in order of (start, id)."""

    variations = AlleleSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class HoldingRunSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    run_id = serializers.CharField()
    created = serializers.DateTimeField()
    self = serializers.CharField()


class HoldingRunsSerializer(serializers.Serializer[Any]):
    """Some of the caller's runs that contain an allele. An empty page may have a next one."""

    runs = HoldingRunSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class RunAllelesSerializer(serializers.Serializer[Any]):
    ids = serializers.ListField(child=serializers.CharField())
    next_cursor = serializers.CharField(allow_null=True)


class StatsSerializer(serializers.Serializer[Any]):
    """Counts; `alleles` is an estimate above 100,000."""

    runs = serializers.DictField(child=serializers.IntegerField())
    alleles = serializers.IntegerField()
    alleles_by_type = serializers.DictField(child=serializers.IntegerField())
    sequences = serializers.IntegerField()


class ServiceInfoSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField()
    type = serializers.DictField(child=serializers.CharField())
    description = serializers.CharField()
    organization = serializers.DictField(child=serializers.CharField())
    contactUrl = serializers.CharField(required=False)  # noqa: N815  (the specification's name)
    documentationUrl = serializers.URLField()  # noqa: N815
    createdAt = serializers.DateTimeField(required=False)  # noqa: N815
    updatedAt = serializers.DateTimeField(required=False)  # noqa: N815
    environment = serializers.CharField()
    version = serializers.CharField()
    spec_metadata = serializers.DictField()
    assemblies = serializers.ListField(child=serializers.CharField())


class HealthSerializer(serializers.Serializer[Any]):
    """`ok`, or the state of each part."""

    status = serializers.CharField()
    parts = serializers.DictField(child=serializers.CharField(), required=False)


def vcf_address(run: Run) -> str:
    """Where AnyVar's protocol polls the run, percent-encoded."""
    return f"/vcf/{quote(run.run_id, safe='')}"


def pending(run: Run, message: str, **members: Any) -> dict[str, Any]:
    """AnyVar's answer for a run that has not ended."""
    here = f"{message} Check status at /vcf/{run.run_id}"
    return {"run_id": run.run_id, "status": "PENDING", "status_message": here, **members}
