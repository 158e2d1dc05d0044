"""The app of the way of a file."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class IngestionConfig(AppConfig):
    name = "ingestion"
    verbose_name = _("Ingestion")

    def ready(self) -> None:
        """Every process, the web's too, rings through the same Celery application; not only the workers."""
        from kb.celery import app

        app.set_default()
