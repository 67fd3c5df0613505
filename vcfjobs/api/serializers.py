"""What the API says of a run."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from vcfjobs.models import Kind, Run, Status


class LinksSerializer(serializers.Serializer[Any]):
    """Where to go from a run; a member is missing where there is nothing."""

    self = serializers.CharField()
    vcf = serializers.CharField()
    result = serializers.CharField(required=False)
    text = serializers.CharField(required=False)
    index = serializers.CharField(required=False)
    failures = serializers.CharField(required=False)


class RunListSerializer(serializers.ModelSerializer[Run]):
    """One run in the list."""

    progress = serializers.FloatField(read_only=True)
    expired = serializers.BooleanField(source="is_expired", read_only=True)
    links = serializers.SerializerMethodField()

    class Meta:
        model = Run
        fields: tuple[str, ...] = (
            "id", "run_id", "kind", "status", "progress", "records_done", "assembly", "for_ref",
            "add_vrs_attributes", "register", "file_name", "input_format", "input_bytes", "input_sha256",
            "input_annotated_by",
            "result_bytes", "result_text_bytes", "result_sha256", "attempt", "error_code", "error",
            "created", "started", "finished", "expires", "expired", "links",
        )  # fmt: skip

    @extend_schema_field(LinksSerializer)
    def get_links(self, run: Run) -> dict[str, str]:
        """Addresses on this server."""
        here = f"/runs/{run.pk}/"
        links = {"self": here, "vcf": vcf_address(run)}
        if run.status == Status.SUCCEEDED and run.kind == Kind.ANNOTATE and not run.is_expired:
            links |= {"result": f"{here}result.vcf.gz", "text": f"{here}result.vcf"}
            if run.indexed:
                links["index"] = f"{here}result.vcf.gz.tbi"
        if run.finished is not None:
            links["failures"] = f"{here}failures"
        return links


class RunSerializer(RunListSerializer):
    """Everything about one run."""

    records_per_second = serializers.FloatField(read_only=True, allow_null=True)
    report = serializers.SerializerMethodField()

    class Meta(RunListSerializer.Meta):
        fields = (
            *RunListSerializer.Meta.fields,
            "records_per_second",
            "attempt_limit",
            "shard_count",
            "report",
        )

    def get_report(self, run: Run) -> dict[str, Any] | None:
        """The engine's report, without what merging alone needs."""
        if run.report is None:
            return None
        internal = {"order", "first_position", "last_position", "windows", "failures"}
        return {name: value for name, value in run.report.items() if name not in internal}


class RunStatusSerializer(serializers.Serializer[Any]):
    """AnyVar's run status."""

    run_id = serializers.CharField()
    status = serializers.CharField()
    status_message = serializers.CharField()
    progress = serializers.FloatField(required=False)
    records = serializers.IntegerField(required=False)


class FailureSerializer(serializers.Serializer[Any]):
    """One record that got no identifier; POS counts from 1."""

    chrom = serializers.CharField()
    pos = serializers.IntegerField()
    reason = serializers.CharField()


class FailuresSerializer(serializers.Serializer[Any]):
    """The failed records of a run: counts by reason, and the first thousand."""

    failed = serializers.DictField(child=serializers.IntegerField())
    failures = FailureSerializer(many=True)


class ProblemSerializer(serializers.Serializer[Any]):
    """An error (RFC 9457), with AnyVar's members."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    error = serializers.CharField()
    error_code = serializers.CharField()


class RunErrorSerializer(serializers.Serializer[Any]):
    """AnyVar's error shape."""

    error = serializers.CharField()
    error_code = serializers.CharField()


def vcf_address(run: Run) -> str:
    """Where AnyVar's protocol polls the run, percent-encoded."""
    return f"/vcf/{quote(run.run_id, safe='')}"


def pending(run: Run, message: str, **members: Any) -> dict[str, Any]:
    """AnyVar's answer for a run that has not ended."""
    here = f"{message} Check status at /vcf/{run.run_id}"
    return {"run_id": run.run_id, "status": "PENDING", "status_message": here, **members}
