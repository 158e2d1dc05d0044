"""Every address of Lectern."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/v1/", include("ingestion.api_v1")),
    path("v1/", include("search.openai_api.urls")),
    path("", include("kb.health_urls")),
    path("", include("kb.pages")),
    path("", include("search.urls")),
    path("", include("search.organising.urls")),
    path("", include("ingestion.urls")),
    path("", include("ingestion.mcp.urls")),
]
