"""Accounts with their API tokens, and the identities that are linked to them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from vcfjobs.accounts import api_tokens
from vcfjobs.accounts.provider_tokens import Identity
from vcfjobs.admin.lists import NoDelete, ReadOnly
from vcfjobs.models import ApiToken, LinkedIdentity
from vcfjobs.runs.adoption import adopt_runs
from vcfjobs.runs.owners import owner_of_account

admin.site.unregister(User)


@admin.register(User)
class AccountAdmin(UserAdmin[User]):
    """Django's own, but an account is deleted with its entries in the log, its tokens and its identities.

    Nobody has a permission of their own to delete these.
    """

    DELETED_TOO = frozenset(str(kind._meta.verbose_name) for kind in (LogEntry, ApiToken, LinkedIdentity))

    def get_deleted_objects(self, objs: Any, request: Any) -> Any:
        deleted, counts, lacking, protected = super().get_deleted_objects(objs, request)
        return deleted, counts, lacking - self.DELETED_TOO, protected


@admin.register(ApiToken)
class ApiTokenAdmin(NoDelete, admin.ModelAdmin[ApiToken]):
    """The tokens of all accounts; they are revoked, never deleted or edited.

    A token acts as its account, so making one for another account takes a superuser.
    """

    list_display = ("name", "user", "created", "last_used", "expires", "revoked")
    list_filter = ("revoked",)
    lookups = ("user", "revoked")
    list_select_related = ("user",)
    sortable_by = ()
    ordering = ("-id",)
    search_fields = ("user__username__exact",)
    search_help_text = "A user name."
    actions = ("revoke_tokens",)
    fields = ("user", "name", "expires")
    raw_id_fields = ("user",)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.is_superuser)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Whether the user may revoke tokens."""
        return request.user.has_perm("vcfjobs.change_apitoken")

    def get_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> Any:
        shown = ("created", "last_used", "revoked") if obj else ()
        return (*self.fields, *shown)

    @admin.action(description="Revoke the selected tokens", permissions=["revoke"])
    def revoke_tokens(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        revoked = [token for token in queryset if api_tokens.revoke(token)]
        for token in revoked:
            self.log_change(request, token, "Revoked.")
        self.message_user(request, f"Tokens revoked: {len(revoked):,}.", messages.SUCCESS)

    def save_model(self, request: Any, obj: ApiToken, form: forms.ModelForm[ApiToken], change: bool) -> None:
        """Make the token; its text stays with the request, for the one page that shows it."""
        obj.digest = api_tokens.digest_of(text := api_tokens.new_text())
        super().save_model(request, obj, form, change)
        request.token_text = text

    def response_add(self, request: Any, obj: ApiToken, post_url_continue: str | None = None) -> HttpResponse:
        """Show the token's text in the response itself: a message would be kept in a cookie."""
        context = self.admin_site.each_context(request) | {
            "title": f"The token {obj.name} of {obj.user.get_username()}",
            "text": request.token_text,
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/vcfjobs/apitoken/made.html", context)


@admin.register(LinkedIdentity)
class LinkedIdentityAdmin(ReadOnly, admin.ModelAdmin[LinkedIdentity]):
    """Which subject of the identity provider is which account.

    Linking gives the account the subject's runs, and whoever is the subject the rights of the account: so it
    takes a superuser.
    """

    list_display = ("subject", "issuer", "user")
    lookups = ("user",)
    list_select_related = ("user",)
    sortable_by = ()
    ordering = ("-id",)
    search_fields = ("user__username__exact", "subject__exact")
    search_help_text = "A user name, or a subject."
    raw_id_fields = ("user",)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.is_superuser)

    def save_model(
        self, request: Any, obj: LinkedIdentity, form: forms.ModelForm[LinkedIdentity], change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        owner = Identity(obj.issuer, obj.subject).owner
        done = adopt_runs(source=owner, target=owner_of_account(obj.user_id))
        if done.runs:
            self.message_user(request, f"Runs of {owner} that are now the account's: {done.runs:,}.")
