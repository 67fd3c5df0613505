"""The addresses of the API. No path prefix: AnyVar's clients expect /vcf at the root."""

from __future__ import annotations

from django.urls import path, re_path
from drf_spectacular.views import SpectacularSwaggerSplitView

from vcfjobs.api import service
from vcfjobs.api.alleles import RegistryViewSet
from vcfjobs.api.metadata import MetadataViewSet
from vcfjobs.api.parameters import SearchQuery
from vcfjobs.api.records import RecordsViewSet
from vcfjobs.api.references import ReferenceViewSet
from vcfjobs.api.variation import VariationViewSet
from vcfjobs.api.views import RunViewSet, SubmitViewSet

runs, registry, about = RunViewSet.as_view, RegistryViewSet.as_view, service.OpenViewSet.as_view
variation, metadata = VariationViewSet.as_view, MetadataViewSet.as_view
references = ReferenceViewSet.as_view

urlpatterns = [
    path("vcf", SubmitViewSet.as_view({"put": "submit", "post": "submit"}), name="vcf"),
    path("annotated_vcf", SubmitViewSet.as_view({"put": "ingest", "post": "ingest"}), name="annotated-vcf"),
    path("vcf/<str:run_id>", runs({"get": "result"}), name="vcf-result"),
    path("runs/", runs({"get": "list"}), name="run-list"),
    path("runs/<str:run_id>/", runs({"get": "retrieve", "delete": "destroy"}), name="run"),
    path("runs/<str:run_id>/cancel", runs({"post": "cancel"}), name="run-cancel"),
    path("runs/<str:run_id>/retry", runs({"post": "retry"}), name="run-retry"),
    path("runs/<str:run_id>/failures", runs({"get": "failures"}), name="run-failures"),
    path("runs/<str:run_id>/records", RecordsViewSet.as_view({"get": "records"}), name="run-records"),
    path("runs/<str:run_id>/result.vcf.gz", runs({"get": "result_bgzf"}), name="run-bgzf"),
    path("runs/<str:run_id>/result.vcf", runs({"get": "result_text"}), name="run-text"),
    path("runs/<str:run_id>/result.vcf.gz.tbi", runs({"get": "result_index"}), name="run-index"),
    path("runs/<str:run_id>/result.tsv", runs({"get": "result_tsv"}), name="run-tsv"),
    path("runs/<str:run_id>/result.ndjson", runs({"get": "result_ndjson"}), name="run-ndjson"),
    path("runs/<str:run_id>/result.parquet", runs({"get": "result_parquet"}), name="run-parquet"),
    path("runs/<str:run_id>/alleles", registry({"get": "of_run"}), name="run-alleles"),
    path("object/<str:vrs_id>", registry({"get": "object"}), name="object"),
    path("object/<str:vrs_id>/runs", registry({"get": "object_runs"}), name="object-runs"),
    path("object/<str:vrs_id>/mappings", metadata({"get": "mappings"}), name="object-mappings"),
    path("object/<str:vrs_id>/mappings/<str:mapping_type>", metadata({"get": "mappings"}, schema=None)),
    path("object/<str:vrs_id>/annotations", metadata({"get": "annotations"}), name="object-annotations"),
    path(
        "object/<str:vrs_id>/annotations/<str:annotation_type>", metadata({"get": "annotations"}, schema=None)
    ),
    path("objects", registry({"post": "objects"}), name="objects"),
    path("variations", variation({"get": "variations", "put": "register_many"}), name="variations"),
    path("variation", variation({"put": "register", "post": "find"}), name="variation"),
    path("references/<str:assembly>.fa", references({"get": "fasta"}), name="reference-fasta"),
    path("references/<str:assembly>.fa.fai", references({"get": "index"}), name="reference-index"),
    path("stats", registry({"get": "stats"}), name="stats"),
    path("service-info", about({"get": "service_info"}), name="service-info"),
    path("metrics", service.MetricsView.as_view(), name="metrics"),
    path("healthz", about({"get": "healthz"}), name="healthz"),
    path("readyz", about({"get": "readyz"}), name="readyz"),
    path("schema/", service.SchemaView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    # Other addresses of the same calls: /search is AnyVar 1.0's, /vcf/runs/ that of its later versions.
    # `schema=None` keeps them out of the OpenAPI document.
    path("vcf/runs/<str:run_id>", runs({"get": "result"}, schema=None), name="vcf-result-run"),
    path("search", registry({"get": "variations"}, query=SearchQuery, schema=None)),
    re_path(r"^(?:vcf|runs|object|references|variations)/(?P<rest>.*)$", service.NotFoundView.as_view()),
]
