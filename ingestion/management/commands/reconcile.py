"""Run the reconciler until it is told to stop."""

import signal
import threading

from django.core.management.base import BaseCommand

from ingestion import reconcile


class Command(BaseCommand):
    help = "Watches over all work: rings again for what was not heard, frees lost work, mends the indexes."

    def handle(self, **options) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        reconcile.run(stop.wait)
