"""Addresses of a knowledge base's search settings and indexes."""

from django.urls import path

from search.settings import views as settings_views

BASE = "knowledge-bases/<uuid:pk>/search"

urlpatterns = [
    path(f"{BASE}/", settings_views.search_settings, name="search_settings"),
    path(f"{BASE}/effect", settings_views.search_effect, name="search_effect"),
    path(f"{BASE}/limits", settings_views.search_limits, name="search_limits"),
    path(f"{BASE}/generations", settings_views.generations, name="generations"),
    *(
        path(f"{BASE}/{action}", settings_views.generation_act, {"action": action}, name=f"generation_{action}")
        for action in ("switch", "rollback", "cancel", "forget", "retry")
    ),
]
