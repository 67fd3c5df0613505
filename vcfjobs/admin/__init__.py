"""The admin: the operators' desk. Rows to look at, and runs to cancel, retry and delete; nothing is edited.

A row that a worker may touch changes by the services alone, never by a form that saves what it read. Every
list is cheap however long its table is: pages are bounded, counts too, filters never ask which values occur.
"""

from __future__ import annotations

from django.contrib import admin

from vcfjobs.admin import alleles, operations, references, runs, shards

__all__ = ["alleles", "operations", "references", "runs", "shards"]

admin.site.site_header = "VRS annotation: operations"
admin.site.site_title = "VRS annotation"
admin.site.index_title = "Operations"
