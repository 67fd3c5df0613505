"""The HTML pages: the runs with the upload form, a run, an allele, a search. They work without JavaScript."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render, resolve_url
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from vcfjobs.database.retry import DATABASE_OUTAGE
from vcfjobs.database.unmigrated import NOT_MIGRATED, lacks_migrations
from vcfjobs.errors import NoReferenceError, RunNotFoundError, VcfJobsError
from vcfjobs.models import Run, RunQuerySet
from vcfjobs.notifications import emails
from vcfjobs.references import assemblies
from vcfjobs.registry import search
from vcfjobs.runs import audit, lifecycle
from vcfjobs.runs.admission import admit_upload
from vcfjobs.runs.owners import is_open, owner_of_user, sees_everyone
from vcfjobs.web import allele_page, example, run_page, runs_page, upload
from vcfjobs.web import find as finding
from vcfjobs.web.forms import FilterForm, UploadForm, parameters_of

View = Callable[..., HttpResponse]
RETRY_SECONDS = 5
LOGGED_OUT = "You are no longer logged in. Reload this page, log in, and submit the file again."


class HtmxRequest(HttpRequest):
    """A request with what django-htmx's middleware adds."""

    htmx: HtmxDetails


def signed_in_where_needed(view: View) -> View:
    """Require a login unless the service is open, checked before the body is read; nothing is cached."""

    @wraps(view)
    @never_cache
    def guarded(request: HtmxRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if is_open() or request.user.is_authenticated:
            return view(request, *args, **kwargs)
        if request.htmx:
            return HttpResponseClientRedirect(resolve_url(settings.LOGIN_URL))
        if _asks_for_json(request):
            return JsonResponse({"errors": {"__all__": [LOGGED_OUT]}}, status=401)
        return redirect_to_login(request.get_full_path() if request.method == "GET" else "/")

    return guarded


@csrf_exempt  # checked in `_submitted`: the check reads the body
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in_where_needed
def index(request: HtmxRequest) -> HttpResponse:
    """The caller's runs, newest first, with the upload form. A search for a VRS id opens its allele."""
    if request.method != "POST":
        if vrs_id := finding.vrs_id_of(request.GET.get("search", "")):
            return redirect("pages:allele", vrs_id)
        again = _run_to_repeat(request)
        form = _form(request, initial=again and parameters_of(again))
        return _index(request, form, again=again)
    try:
        upload.read_body(request, owner_of_user(request.user))
        return _submitted(request)
    except VcfJobsError as error:
        form = _form(request)
        return _try_later(_index(request, form, status=error.status, refusal=error.sentence), error)


@csrf_protect
def _submitted(request: HtmxRequest) -> HttpResponse:
    """Validate the spooled form and submit its file. Raises NoReferenceError."""
    form = _form(request, request.POST, request.FILES)
    if not form.assemblies:
        raise NoReferenceError("No reference assembly is registered.")
    if not form.is_valid():
        return _index(request, form, status=upload.status_of(form))
    try:
        run, created = upload.submit_form(form, owner_of_user(request.user))
    except VcfJobsError as error:
        return _try_later(_index(request, form, status=error.status), error)
    if not created:
        messages.info(request, "You have already submitted this file under this run id. This is the run.")
    address = reverse("pages:run", args=[run.pk])
    if _asks_for_json(request):
        return JsonResponse({"location": address}, status=201)
    return redirect(address)


@require_POST
@signed_in_where_needed
def submit_example(request: HtmxRequest) -> HttpResponse:
    """Submit the example, then show its run."""
    owner = owner_of_user(request.user)
    try:
        admit_upload(request, owner)
        run = example.submit_example(owner)
    except VcfJobsError as error:
        form = _form(request)
        return _try_later(_index(request, form, status=error.status, refusal=error.sentence), error)
    return redirect("pages:run", run_id=str(run.pk))


@require_safe
@signed_in_where_needed
def find(request: HtmxRequest) -> HttpResponse:
    """What was typed into the search: a redirect to it, the alleles of a region, or that nothing is found."""
    typed = request.GET.get("q", "").strip()
    if not typed:
        return redirect("pages:index")
    region = finding.region_of(typed)
    if region is None and (address := finding.address_of(typed, _visible_runs(request))):
        return redirect(address)
    page = region and finding.region_page(
        region, request.GET.get("assembly", ""), request.GET.get("cursor", "")
    )
    if not page:
        return render(request, "vcfjobs/find_nothing.html", {"typed": typed, "region": region}, status=404)
    status = 422 if page.error else 200
    return render(request, "vcfjobs/find.html", {"typed": typed, "page": page}, status=status)


@require_safe
@signed_in_where_needed
def active(request: HtmxRequest) -> HttpResponse:
    """The changing cells of the runs that a list asks for, and the next question: the runs not final."""
    found, gone = runs_page.asked_for(_visible_runs(request), request.GET)
    active = [run for run in found if not run.is_final]
    ended = [run for run in found if run.is_final]
    context = {"runs": found, "gone": gone, "active": active, "ended": ended}
    return render(request, "vcfjobs/active.html", context)


@require_safe
@signed_in_where_needed
def run(request: HtmxRequest, run_id: str) -> HttpResponse:
    """One run, with the buttons that its status allows."""
    return _run_page(request, _find(request, run_id))


@require_safe
@signed_in_where_needed
def run_status(request: HtmxRequest, run_id: str) -> HttpResponse:
    """The part of a run's page that changes; polls until the run is final."""
    try:
        run = _find(request, run_id)
    except Http404:
        if not request.htmx:
            raise
        return render(request, "vcfjobs/run_gone.html", status=404)
    context = run_page.context(request, run) | {"changed": request.GET.get("seen") != run.status}
    return render(request, "vcfjobs/run_status.html", context)


@require_POST
@signed_in_where_needed
def change(request: HtmxRequest, run_id: str, service: Callable[[Run], None], done: str) -> HttpResponse:
    """Do what a button asks, then show the run, with the reason for a refusal (409, 429, 503)."""
    run = _find(request, run_id)
    try:
        service(run)
    except VcfJobsError as error:
        run.refresh_from_db()
        return _try_later(_run_page(request, run, status=error.status, conflict=error.sentence), error)
    audit.note_action(request.user, run, done)
    return redirect("pages:run", run_id=str(run.pk))


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in_where_needed
def delete(request: HtmxRequest, run_id: str) -> HttpResponse:
    """Confirm, then delete a run."""
    run = _find(request, run_id)
    if request.method != "POST":
        return render(request, "vcfjobs/delete.html", {"run": run})
    lifecycle.delete_run(run)
    audit.note_action(request.user, run, "Deleted.", audit.DELETION)
    messages.success(request, f"Run {run.run_id} and its files were deleted.")
    return redirect("pages:index")


@require_safe
@signed_in_where_needed
def allele(request: HtmxRequest, vrs_id: str) -> HttpResponse:
    """One registered allele, with the caller's runs that contain it."""
    if not search.digest_of(vrs_id):
        raise Http404("Not a VRS allele identifier.")
    found = search.find_alleles([vrs_id])
    if not found:
        return render(request, "vcfjobs/allele_unknown.html", {"vrs_id": vrs_id}, status=404)
    context = allele_page.context(found[0], _visible_runs(request), request.GET.get("before", ""))
    return render(request, "vcfjobs/allele.html", context)


def server_error(request: HttpRequest) -> HttpResponse:
    """Handler of unforeseen errors: 503 when the database does not answer or is not migrated, else 500.

    The pages use neither the database nor the session.
    """
    error = sys.exc_info()[1]
    if lacks_migrations(error):
        sentence = NOT_MIGRATED
    elif isinstance(error, DATABASE_OUTAGE):
        sentence = "The database does not answer. Submitted runs are kept. Try again in a minute."
    else:
        return HttpResponse(render_to_string("500.html"), status=500)
    page = render_to_string("503.html", {"sentence": sentence})
    return HttpResponse(page, status=503, headers={"Retry-After": str(RETRY_SECONDS)})


def _try_later(response: HttpResponse, error: VcfJobsError) -> HttpResponse:
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _form(request: HtmxRequest, *data: Any, **more: Any) -> UploadForm:
    """The upload form for the caller."""
    email = emails.address_of(owner_of_user(request.user))
    return UploadForm(*data, assemblies=assemblies.registered_assemblies(), email=email, **more)


def _index(
    request: HtmxRequest, form: UploadForm, status: int = 200, refusal: str = "", again: Run | None = None
) -> HttpResponse:
    if request.method == "POST" and _asks_for_json(request):
        errors = {name: list(sentences) for name, sentences in form.errors.items()}
        return JsonResponse({"errors": errors | ({"__all__": [refusal]} if refusal else {})}, status=status)
    filters = FilterForm(request.GET)
    page = runs_page.page(_visible_runs(request), filters, before=request.GET.get("before", ""))
    if not filters.is_valid() and status == 200:
        status = 422
    context = run_page.terminal(request) | {"form": form, "filters": filters, "page": page}
    context |= {"assemblies": form.assemblies, "max_bytes": settings.ANYVAR_MAX_UPLOAD_BYTES}
    is_empty = page.first and not page.runs and not page.narrowed
    context |= {"refusal": refusal, "again": again, "example": example.fitting_assembly() if is_empty else ""}
    return render(request, "vcfjobs/runs.html", context, status=status)


def _run_to_repeat(request: HtmxRequest) -> Run | None:
    """The caller's run whose parameters the form is to begin with."""
    key = request.GET.get("again", "")
    with suppress(Http404):
        return _find(request, key) if key else None
    return None


def _asks_for_json(request: HttpRequest) -> bool:
    """Whether the page's own script sent the form: it needs only the sentences."""
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def _visible_runs(request: HtmxRequest) -> RunQuerySet:
    return lifecycle.visible_runs(owner=owner_of_user(request.user), everyone=sees_everyone(request.user))


def _find(request: HtmxRequest, run_id: str) -> Run:
    """The caller's run. Raises Http404, also for another owner's run."""
    owner, everyone = owner_of_user(request.user), sees_everyone(request.user)
    try:
        return lifecycle.find_run(owner=owner, run_id=run_id, everyone=everyone)
    except RunNotFoundError as error:
        raise Http404(error.sentence) from error


def _run_page(request: HtmxRequest, run: Run, status: int = 0, **more: Any) -> HttpResponse:
    context = run_page.context(request, run) | more
    if context["variants"]:
        status = status or context["variants"].status
    return render(request, "vcfjobs/run.html", context, status=status or 200)
