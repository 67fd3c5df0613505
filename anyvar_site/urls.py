"""All addresses: AnyVar's protocol at the root, the pages, the admin."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path

urlpatterns = [
    path("", include("vcfjobs.api.urls")),
    path("", include("vcfjobs.web.urls")),
    path("login/", LoginView.as_view(template_name="login.html"), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
]

handler500 = "vcfjobs.web.views.server_error"
