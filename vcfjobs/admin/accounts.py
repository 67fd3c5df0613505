"""User accounts: deleting one deletes its entries in the admin's log, which nobody deletes otherwise."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User

admin.site.unregister(User)


@admin.register(User)
class AccountAdmin(UserAdmin[User]):
    """Django's own, whose delete does not stop at the log."""

    def get_deleted_objects(self, objs: Any, request: Any) -> Any:
        deleted, counts, lacking, protected = super().get_deleted_objects(objs, request)
        return deleted, counts, lacking - {str(LogEntry._meta.verbose_name)}, protected
