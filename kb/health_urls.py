"""The addresses at which machines ask after Lectern's health."""

from django.urls import path

from kb import health

urlpatterns = [
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
]
