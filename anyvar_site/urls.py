"""All addresses: AnyVar's protocol at the root, the pages, the admin."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path

from vcfjobs.web import provider_login

urlpatterns = [
    path("", include("vcfjobs.api.urls")),
    path("", include("vcfjobs.web.urls")),
    path("login/", provider_login.PageLogin.as_view(), name="login"),
    path("login/provider/", provider_login.start, name="provider-login"),
    path("login/provider/callback/", provider_login.callback, name="provider-callback"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
]

handler500 = "vcfjobs.web.views.server_error"
