"""The addresses of the HTML pages."""

from __future__ import annotations

from django.urls import path
from django.views.generic import RedirectView

from vcfjobs.runs import lifecycle
from vcfjobs.web import tokens_page, views

app_name = "pages"

CANCEL = {"service": lifecycle.cancel_run, "done": "Cancelled."}
RETRY = {"service": lifecycle.retry_run, "done": "Queued again."}

urlpatterns = [
    path("", views.index, name="index"),
    path("active/", views.active, name="active"),
    path("find/", views.find, name="find"),
    path("example/", views.submit_example, name="example"),
    path("alleles/<str:vrs_id>/", views.allele, name="allele"),
    path("jobs/", RedirectView.as_view(pattern_name="pages:index", permanent=True)),
    path("jobs/<str:run_id>/", views.run, name="run"),
    path("jobs/<str:run_id>/status/", views.run_status, name="run-status"),
    path("jobs/<str:run_id>/cancel/", views.change, CANCEL, name="cancel"),
    path("jobs/<str:run_id>/retry/", views.change, RETRY, name="retry"),
    path("jobs/<str:run_id>/delete/", views.delete, name="delete"),
    path("tokens/", tokens_page.tokens, name="tokens"),
    path("tokens/<int:pk>/rotate/", tokens_page.rotate, name="rotate-token"),
    path("tokens/<int:pk>/revoke/", tokens_page.revoke, name="revoke-token"),
]
