"""The Celery application: doorbells for the workers."""

import os

from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kb.settings")

app = Celery("lectern")
app.config_from_object(settings.CELERY)
app.autodiscover_tasks(["ingestion"])
