"""Load Lectern's own documentation as a knowledge base: `manage.py load_demo`."""

import time

from django.conf import settings
from django.core.management.base import BaseCommand

from ingestion.receive import receive
from kb.models import Document, KnowledgeBase, Membership, Role, User

NAME = "Lectern documentation"
SECONDS = 120.0  # to wait until it can be asked
UNFINISHED = (Document.Status.QUEUED, Document.Status.RUNNING)


class Command(BaseCommand):
    help = "Makes a knowledge base of Lectern's own documentation, open to everyone who signs in."

    def handle(self, **options) -> None:
        base = demo()
        for file in (settings.BASE_DIR / "README.md", *sorted((settings.BASE_DIR / "docs").glob("*.md"))):
            with file.open("rb") as content:
                receive(content, knowledge_base=base, user=base.created_by, name=file.name)
        deadline = time.monotonic() + SECONDS
        while base.documents.filter(status__in=UNFINISHED).exists() and time.monotonic() < deadline:
            time.sleep(0.5)
        ready = base.documents.filter(status=Document.Status.READY).count()
        self.stdout.write(f'The knowledge base "{NAME}" has {ready} documents to ask.')


def demo() -> KnowledgeBase:
    """The demonstration, made if it isn't there; the first administrator manages it, once there is one."""
    base, _ = KnowledgeBase.objects.get_or_create(
        name=NAME,
        deleted_at=None,
        defaults={"open_to_everyone": True, "description": "How to install, use and run Lectern."},
    )
    first = User.objects.filter(is_superuser=True).order_by("pk").first()
    if first and not base.memberships.exists():
        Membership.objects.create(knowledge_base=base, user=first, role=Role.MANAGER)
        KnowledgeBase.objects.filter(pk=base.pk).update(created_by=first)
        base.refresh_from_db()
    return base
