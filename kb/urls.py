"""Every address of Lectern."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("kb.pages")),
    path("", include("search.urls")),
    path("", include("ingestion.urls")),
]
