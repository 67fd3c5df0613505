"""The HTML pages: the runs with the upload form, and one run."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def index(request: HttpRequest) -> HttpResponse:
    """The caller's runs, newest first, and the form that submits one."""
    return render(request, "vcfjobs/index.html")


def job(request: HttpRequest, run_id: str) -> HttpResponse:
    """One run."""
    return render(request, "vcfjobs/job.html")


job_status = cancel = retry = delete = job
