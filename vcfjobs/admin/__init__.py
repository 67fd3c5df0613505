"""The admin: operators view rows, and cancel, retry and delete runs. Nothing is edited but accounts.

Rows that a worker may change are changed only through `runs.lifecycle`, never by a form that saves what it
read. Lists stay fast on tables of any length: pages and counts are bounded, and filters know their choices.
"""

from __future__ import annotations

from django.contrib import admin

from vcfjobs.admin import accounts, alleles, operations, references, runs

__all__ = ["accounts", "alleles", "operations", "references", "runs"]

admin.site.site_header = "VRS annotation: operations"
admin.site.site_title = "VRS annotation"
admin.site.index_title = "Operations"
# The lists are wide, and the index has the same links.
admin.site.enable_nav_sidebar = False
