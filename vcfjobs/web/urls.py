"""The addresses of the HTML pages."""

from __future__ import annotations

from django.urls import path
from django.views.generic import RedirectView

from vcfjobs.runs import lifecycle
from vcfjobs.web import views

app_name = "pages"

urlpatterns = [
    path("", views.index, name="index"),
    path("active/", views.active, name="active"),
    path("find/", views.find, name="find"),
    path("example/", views.submit_example, name="example"),
    path("alleles/<str:vrs_id>/", views.allele, name="allele"),
    path("jobs/", RedirectView.as_view(pattern_name="pages:index", permanent=True)),
    path("jobs/<str:run_id>/", views.run, name="run"),
    path("jobs/<str:run_id>/status/", views.run_status, name="run-status"),
    path("jobs/<str:run_id>/cancel/", views.change, {"service": lifecycle.cancel_run}, name="cancel"),
    path("jobs/<str:run_id>/retry/", views.change, {"service": lifecycle.retry_run}, name="retry"),
    path("jobs/<str:run_id>/delete/", views.delete, name="delete"),
]
