"""Which of Lectern's own processes are alive."""

from django.db import models


class ServiceBeat(models.Model):
    """When a service last said that it is alive, and what it is doing."""

    name = models.CharField(max_length=120, primary_key=True)
    kind = models.CharField(max_length=20)
    seen_at = models.DateTimeField(auto_now=True)
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ("kind", "name")

    def __str__(self) -> str:
        return self.name
