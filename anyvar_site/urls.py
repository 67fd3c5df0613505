"""Where every address leads: AnyVar's protocol at the root, the pages, the admin."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("vcfjobs.api.urls")),
    path("", include("vcfjobs.urls")),
    path("admin/", admin.site.urls),
]
