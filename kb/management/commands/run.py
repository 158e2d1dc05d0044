"""Start everything on this machine and keep it running: `manage.py run`."""

import signal
import socket
import time
from collections import Counter

from django.conf import settings
from django.core.checks import run_checks
from django.core.management import BaseCommand, CommandError, call_command
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from kb.collect import collect_static_files
from kb.launch import Launcher, LaunchError, only_one
from kb.models import User
from kb.services import STOP_ORDER, is_free, services, url


class Command(BaseCommand):
    help = "Start the web server, the workers, Redis and Chroma, and keep them running until Ctrl-C."
    requires_system_checks = ()  # `prepare` checks, once the sentences can be told apart from a traceback

    def add_arguments(self, parser) -> None:
        parser.add_argument("--demo", action="store_true", help="also load a knowledge base about Lectern")

    def handle(self, *, demo: bool, **options) -> None:
        try:
            with only_one(settings.KB_DATA):
                self.launch(demo)
        except LaunchError as error:
            raise CommandError(str(error)) from None

    def launch(self, demo: bool) -> None:
        began = time.monotonic()
        check_address(settings.KB_HOST, settings.KB_PORT)
        launcher = Launcher(services(), settings.KB_DATA, STOP_ORDER)
        stop_on_signals(launcher)
        launcher.stop_leftovers()
        clear_sockets()
        try:
            start(launcher)
            if demo and not launcher.stopping:
                call_command("load_demo")
            if not launcher.stopping:
                launcher.say(f"\nLectern is ready after {time.monotonic() - began:.1f} s: {url()}\n{welcome()}")
            launcher.run()
        finally:
            launcher.say("Stopping ...")
            launcher.stop_all()
            launcher.say("Lectern has stopped.")


def start(launcher: Launcher) -> None:
    """The database brought up to date, Redis, which the workers ask for at once, then all others together."""
    prepare(launcher)
    first = [name for name in launcher.running if name == "redis"]
    rest = [name for name in launcher.running if name != "redis"]
    for names in (first, rest):
        for name in names if not launcher.stopping else ():
            launcher.start(name)
        launcher.wait_until_ready(names)


def prepare(launcher: Launcher) -> None:
    """Check the settings, migrate the database, put the static files where the web server finds them."""
    check_settings(launcher)
    try:
        if is_behind():
            call_command("migrate", verbosity=0, interactive=False)
    except DatabaseError as error:
        raise LaunchError(f"The database cannot be used: {str(error).strip()}") from None
    connection.close()
    collect_static_files()


def is_behind() -> bool:
    """Whether migrations wait; asking is three times as fast as `migrate` with nothing to do."""
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def check_settings(launcher: Launcher) -> None:
    """A wrong setting ends the start with its sentence; a doubtful one is told."""
    for found in run_checks():
        text = f"{found.msg} {found.hint or ''}".strip()
        if found.is_serious():
            raise LaunchError(text)
        if str(found.id).startswith("kb."):
            launcher.say(text)


def check_address(host: str, port: int) -> None:
    try:
        socket.getaddrinfo(host, port)
    except OSError:
        raise LaunchError(f"KB_HOST={host} is no address of this machine.") from None
    if not is_free(host, port):
        raise LaunchError(
            f"Port {port} on {host} is taken by another program. Stop it, or choose another port, "
            f"for example: KB_PORT={port + 1 if port < 65535 else 8000} make run"
        )


def stop_on_signals(launcher: Launcher) -> None:
    """The first Ctrl-C or SIGTERM stops everything in its order; more of them change nothing."""
    received: Counter[int] = Counter()

    def stop(number: int, frame) -> None:
        received[number] += 1
        launcher.stopping = True
        if received[number] == 2:
            launcher.say("Still stopping: running work is put down safely first.")

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)


def clear_sockets() -> None:
    """A socket left by a killed service would look like a service that does not answer."""
    for name in ("redis.sock", "embed.sock"):
        (settings.KB_DATA / "run" / name).unlink(missing_ok=True)


def welcome() -> str:
    if User.objects.exists():
        return "Ctrl-C stops it."
    return "Open it in a browser to set up the first administrator. Ctrl-C stops it."
