"""The app of people, knowledge bases and documents."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class KbConfig(AppConfig):
    name = "kb"
    verbose_name = _("Knowledge bases")

    def ready(self) -> None:
        from kb import checks  # noqa: F401  registers them
