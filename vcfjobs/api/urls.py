"""The addresses of the API. No path prefix: AnyVar's clients expect /vcf at the root."""

from __future__ import annotations

from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from vcfjobs.api import alleles, service
from vcfjobs.api.openapi import schema  # noqa: F401  (registers)
from vcfjobs.api.parameters import SearchQuery
from vcfjobs.api.views import RunViewSet, SubmitViewSet

urlpatterns = [
    path("vcf", SubmitViewSet.as_view({"put": "submit", "post": "submit"}), name="vcf"),
    path("annotated_vcf", SubmitViewSet.as_view({"put": "ingest", "post": "ingest"}), name="annotated-vcf"),
    path("vcf/<str:run_id>", RunViewSet.as_view({"get": "result"}), name="vcf-result"),
    path("runs/", RunViewSet.as_view({"get": "list"}), name="run-list"),
    path("runs/<str:run_id>/", RunViewSet.as_view({"get": "retrieve", "delete": "destroy"}), name="run"),
    path("runs/<str:run_id>/cancel", RunViewSet.as_view({"post": "cancel"}), name="run-cancel"),
    path("runs/<str:run_id>/retry", RunViewSet.as_view({"post": "retry"}), name="run-retry"),
    path("runs/<str:run_id>/failures", RunViewSet.as_view({"get": "failures"}), name="run-failures"),
    path("runs/<str:run_id>/result.vcf.gz", RunViewSet.as_view({"get": "result_bgzf"}), name="run-bgzf"),
    path("runs/<str:run_id>/result.vcf", RunViewSet.as_view({"get": "result_text"}), name="run-text"),
    path(
        "runs/<str:run_id>/result.vcf.gz.tbi", RunViewSet.as_view({"get": "result_index"}), name="run-index"
    ),
    path("runs/<str:run_id>/result.tsv", RunViewSet.as_view({"get": "result_tsv"}), name="run-tsv"),
    path("runs/<str:run_id>/result.ndjson", RunViewSet.as_view({"get": "result_ndjson"}), name="run-ndjson"),
    path(
        "runs/<str:run_id>/result.parquet", RunViewSet.as_view({"get": "result_parquet"}), name="run-parquet"
    ),
    path("runs/<str:run_id>/alleles", alleles.RunAllelesView.as_view(), name="run-alleles"),
    path("object/<str:vrs_id>", alleles.ObjectView.as_view(), name="object"),
    path("object/<str:vrs_id>/runs", alleles.ObjectRunsView.as_view(), name="object-runs"),
    path("objects", alleles.ObjectsView.as_view(), name="objects"),
    path("variations", alleles.VariationsView.as_view(), name="variations"),
    path("stats", alleles.StatsView.as_view(), name="stats"),
    path("service-info", service.ServiceInfoView.as_view(), name="service-info"),
    path("metrics", service.MetricsView.as_view(), name="metrics"),
    path("healthz", service.HealthzView.as_view(), name="healthz"),
    path("readyz", service.ReadyzView.as_view(), name="readyz"),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    # The names under which AnyVar serves the same: 1.0 the search, what came after it the poll. `schema=None`
    # keeps them out of the OpenAPI document, in which every call stands once.
    path("vcf/runs/<str:run_id>", RunViewSet.as_view({"get": "result"}, schema=None), name="vcf-result-run"),
    path("search", alleles.VariationsView.as_view(query=SearchQuery, schema=None), name="search"),
    re_path(r"^(?:vcf|runs|object|variations)/(?P<rest>.*)$", service.NotFoundView.as_view()),
]
