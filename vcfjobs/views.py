"""The HTML pages: the runs with the upload form, and one run. They work without JavaScript."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import redirect, render, resolve_url
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from vcfjobs import job_page, references, run_list, services
from vcfjobs.errors import (
    InvalidParameterError,
    NoReferenceError,
    RunConflictError,
    RunNotFoundError,
    TruncatedUploadError,
    VcfJobsError,
)
from vcfjobs.forms import CUT, FilterForm, UploadForm
from vcfjobs.models import Run
from vcfjobs.owners import owner_of_user

P = ParamSpec("P")

# Which field of the form an error is about; the others are about the whole.
FIELD_OF_ERROR = {
    "INVALID_VCF": "vcf",
    "UPLOAD_TOO_LARGE": "vcf",
    "RUN_ID_IN_USE": "run_id",
    "UNKNOWN_ASSEMBLY": "assembly",
    "REFERENCE_MISMATCH": "assembly",
}


class HtmxRequest(HttpRequest):
    """A request as django-htmx's middleware leaves it."""

    htmx: HtmxDetails


def signed_in_where_needed(
    view: Callable[Concatenate[HtmxRequest, P], HttpResponse],
) -> Callable[Concatenate[HtmxRequest, P], HttpResponse]:
    """Ask for a login when the service is not open; the body of the request is not read before that."""

    @wraps(view)
    def guarded(request: HtmxRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not settings.ANYVAR_AUTH_TOKEN_LIST or request.user.is_authenticated:
            return view(request, *args, **kwargs)
        if request.htmx:
            return HttpResponseClientRedirect(resolve_url(settings.LOGIN_URL))
        return redirect_to_login(request.get_full_path() if request.method == "GET" else "/")

    return guarded


@csrf_exempt  # checked in `_submitted`, after the login and once the body is here
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in_where_needed
def index(request: HtmxRequest) -> HttpResponse:
    """The caller's runs, newest first, and the form that submits one."""
    if request.method != "POST":
        return _index(request, UploadForm(assemblies=references.registered_assemblies()))
    try:
        length = request.META.get("CONTENT_LENGTH") or ""
        services.require_room(owner_of_user(request.user), int(length) if length.isdigit() else 0)
        _read_body(request)
    except VcfJobsError as error:
        return _refused(request, error)
    return _submitted(request)


@csrf_protect
def _submitted(request: HtmxRequest) -> HttpResponse:
    """What comes of a form whose body is here."""
    assemblies = references.registered_assemblies()
    if not assemblies:
        return _refused(request, NoReferenceError("No reference is registered, so nothing can be annotated."))
    form = UploadForm(request.POST, request.FILES, assemblies=assemblies)
    if not form.is_valid():
        return _index(request, form, status=_status_of(form))
    try:
        return _submit(request, form)
    except VcfJobsError as error:
        form.add_error(FIELD_OF_ERROR.get(error.code), error.sentence)
        return _index(request, form, status=error.status)


@require_safe
@never_cache
@signed_in_where_needed
def job(request: HtmxRequest, run_id: str) -> HttpResponse:
    """One run, with what it can be asked to do."""
    return _job(request, _find(request, run_id))


@require_safe
@never_cache
@signed_in_where_needed
def job_status(request: HtmxRequest, run_id: str) -> HttpResponse:
    """The part of a run's page that changes while it runs; asks for itself until the run is final."""
    try:
        run = _find(request, run_id)
    except Http404:
        if not request.htmx:
            raise
        return render(request, "vcfjobs/job_gone.html", status=404)
    context = job_page.context(request, run) | {"changed": request.GET.get("seen") != run.status}
    return render(request, "vcfjobs/job_status.html", context)


@require_POST
@signed_in_where_needed
def cancel(request: HtmxRequest, run_id: str) -> HttpResponse:
    """Cancel a run that is not final."""
    return _ask(request, run_id, services.cancel_run)


@require_POST
@signed_in_where_needed
def retry(request: HtmxRequest, run_id: str) -> HttpResponse:
    """Queue a failed or cancelled run again."""
    return _ask(request, run_id, services.retry_run)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@signed_in_where_needed
def delete(request: HtmxRequest, run_id: str) -> HttpResponse:
    """Ask whether to delete a run, and delete it."""
    run = _find(request, run_id)
    if request.method != "POST":
        return render(request, "vcfjobs/delete.html", {"run": run})
    services.delete_run(run)
    messages.success(request, f"Run {run.run_id} was deleted with its files.")
    return redirect("pages:index")


def _read_body(request: HtmxRequest) -> None:
    """Spool the upload; a slow one holds no database connection. Raises what the spool raises."""
    if not connection.in_atomic_block:
        connection.close()
    try:
        request.POST  # noqa: B018  # parses
    except (VcfJobsError, UnreadablePostError, MultiPartParserError) as error:
        for handler in request.upload_handlers:  # Django leaves a file that fails half-way to us
            handler.upload_interrupted()
        if isinstance(error, UnreadablePostError):
            raise TruncatedUploadError(CUT) from error
        raise


def _refused(request: HtmxRequest, error: VcfJobsError) -> HttpResponse:
    """The page with why a body was not even looked at."""
    form = UploadForm(assemblies=references.registered_assemblies())
    return _index(request, form, status=error.status, refusal=error.sentence)


def _index(request: HtmxRequest, form: UploadForm, status: int = 200, **more: Any) -> HttpResponse:
    runs = services.visible_runs(owner=owner_of_user(request.user), everyone=_sees_everyone(request))
    filters = FilterForm(request.GET)
    page = run_list.page(runs, filters, before=request.GET.get("before", ""))
    if not filters.is_valid() and status == 200:
        status = 422
    context = {"form": form, "filters": filters, "page": page, "assemblies": form.assemblies}
    return render(request, "vcfjobs/index.html", context | run_list.hints(request) | more, status=status)


def _submit(request: HtmxRequest, form: UploadForm) -> HttpResponse:
    """Submit the file of a valid form; its spooled bytes do not outlive an error."""
    file, asked = form.cleaned_data["vcf"], form.cleaned_data
    spooled = Path(file.temporary_file_path())
    try:
        run, created = services.submit_run(
            upload=services.Upload(spooled, file.name, file.size, file.sha256),
            parameters=services.Parameters(
                asked["assembly"], asked["for_ref"], asked["add_vrs_attributes"], asked["register"]
            ),
            owner=owner_of_user(request.user),
            run_id=asked["run_id"],
            run_async=True,
        )
    finally:
        spooled.unlink(missing_ok=True)
    if not created:
        messages.info(request, "You submitted this file before under the same run id: this is that run.")
    return redirect("pages:job", run_id=str(run.pk))


def _status_of(form: UploadForm) -> int:
    """400 where the file is missing, empty or cut; 422 where a parameter is wrong."""
    return 400 if "vcf" in form.errors or form.has_error("__all__", "truncated") else 422


def _find(request: HtmxRequest, run_id: str) -> Run:
    """The caller's run; what is not the caller's, or cannot be a name, is not there."""
    try:
        services.validate_run_id(run_id)
        return services.find_run(
            owner=owner_of_user(request.user), run_id=run_id, everyone=_sees_everyone(request)
        )
    except (RunNotFoundError, InvalidParameterError) as error:
        raise Http404(error.sentence) from error


def _ask(request: HtmxRequest, run_id: str, service: Callable[[Run], None]) -> HttpResponse:
    """Do what a button asks and show the run; 409 with the reason when its status does not allow it."""
    run = _find(request, run_id)
    try:
        service(run)
    except RunConflictError as error:
        run.refresh_from_db()
        return _job(request, run, status=error.status, conflict=error.sentence)
    return redirect("pages:job", run_id=str(run.pk))


def _job(request: HtmxRequest, run: Run, status: int = 200, **more: Any) -> HttpResponse:
    return render(request, "vcfjobs/job.html", job_page.context(request, run) | more, status=status)


def _sees_everyone(request: HtmxRequest) -> bool:
    """Whether the caller may see the runs of others: staff."""
    return request.user.is_active and request.user.is_staff
