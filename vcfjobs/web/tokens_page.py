"""The page of a signed-in account's API tokens. A new token's text is shown once, and stored nowhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from vcfjobs.accounts import api_tokens
from vcfjobs.errors import TooManyTokensError
from vcfjobs.models import ApiToken
from vcfjobs.runs import owners

View = Callable[..., HttpResponse]
SHOWN = 100


class AccountRequest(HttpRequest):
    """The request of a signed-in account."""

    user: User


class TokenForm(forms.Form):
    """What a new token is for, and how long it lasts."""

    name = forms.CharField(
        max_length=100,
        help_text="What it is for, such as the host that uses it.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    days = forms.TypedChoiceField(
        label="Expires",
        coerce=int,
        initial=365,
        choices=[(30, "in 30 days"), (90, "in 90 days"), (365, "in a year"), (0, "never")],
    )


def with_an_account(view: View) -> View:
    """Require a login, also while the service is open; nothing is cached."""

    @wraps(view)
    @never_cache
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        return redirect_to_login(reverse("pages:tokens"))

    return guarded


@require_http_methods(["GET", "HEAD", "POST"])
@with_an_account
def tokens(request: AccountRequest) -> HttpResponse:
    """The account's tokens, and a form to make one more."""
    if request.method != "POST":
        return _page(request, TokenForm(label_suffix=""))
    form = TokenForm(request.POST, label_suffix="")
    if not form.is_valid():
        return _page(request, form, status=422)
    days = form.cleaned_data["days"]
    expires = timezone.now() + timedelta(days=days) if days else None
    try:
        token, text = api_tokens.issue(user=request.user, name=form.cleaned_data["name"], expires=expires)
    except TooManyTokensError as error:
        return _page(request, form, status=error.status, refusal=error.sentence)
    return _page(request, TokenForm(label_suffix=""), made=token, text=text)


@require_POST
@with_an_account
def rotate(request: AccountRequest, pk: int) -> HttpResponse:
    """Show a new token in place of this one, which is revoked."""
    try:
        token, text = api_tokens.rotate(_own_token(request, pk))
    except ApiToken.DoesNotExist as error:
        raise Http404 from error
    return _page(request, TokenForm(label_suffix=""), made=token, text=text)


@require_POST
@with_an_account
def revoke(request: AccountRequest, pk: int) -> HttpResponse:
    """Revoke one token."""
    token = _own_token(request, pk)
    api_tokens.revoke(token)
    messages.success(request, f"The token {token.name} was revoked.")
    return redirect("pages:tokens")


def _own_token(request: AccountRequest, pk: int) -> ApiToken:
    """An unrevoked token of the account. Raises Http404, also for another account's."""
    return get_object_or_404(ApiToken.objects.select_related("user"), pk=pk, user=request.user, revoked=None)


def _page(request: AccountRequest, form: TokenForm, status: int = 200, **more: Any) -> HttpResponse:
    found = ApiToken.objects.filter(user=request.user)[:SHOWN]
    context = {"form": form, "tokens": found, "is_open": owners.is_open(), **more}
    return render(request, "vcfjobs/tokens.html", context, status=status)
