"""manage.py create_api_key USER: print a key with which a program acts for this person."""

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from kb.access import readable_by
from kb.forms import in_days
from kb.models import ApiKey, KnowledgeBase, User


class Command(BaseCommand):
    help = "Make an API key for a person and print it. It is shown this once and never again."

    def add_arguments(self, parser) -> None:
        parser.add_argument("user", help="the name with which the person signs in")
        parser.add_argument("--name", default="command line", help="what the key is for")
        parser.add_argument(
            "--scope", action="append", default=[], choices=ApiKey.Scope.values, dest="scopes",
            help="what it may do (may be given several times; default: all that the person may)",
        )  # fmt: skip
        parser.add_argument("--days", type=int, default=0, help="how long it works (default: for ever)")
        parser.add_argument(
            "--calls-a-minute", type=int, default=0, help="at the most (default: KB_API_CALLS_A_MINUTE)"
        )
        parser.add_argument(
            "--knowledge-base", action="append", default=[], dest="knowledge_bases", metavar="NAME",
            help="name or id of the only one that it sees (may be given several times; default: all)",
        )  # fmt: skip

    def handle(self, *args, user: str, name: str, scopes: list, days: int, calls_a_minute: int, **options) -> None:
        person = User.objects.filter(username=user).first()
        if person is None:
            raise CommandError(f"There is no user “{user}”.")
        if not person.is_active:
            raise CommandError(f"“{user}” may not sign in, so a key would not work.")
        if days < 0 or calls_a_minute < 0:
            raise CommandError("--days and --calls-a-minute must not be below 0.")
        _key, secret = ApiKey.issue(
            person, name[:80], scopes=dict.fromkeys(scopes), expires_at=in_days(days), calls_a_minute=calls_a_minute,
            knowledge_bases=[_named(person, wanted) for wanted in options["knowledge_bases"]],
        )  # fmt: skip
        self.stdout.write(secret)


def _named(person: User, wanted: str) -> KnowledgeBase:
    """The one of this name or id among those that the person may read."""
    readable = readable_by(person)
    found = list(readable.filter(name=wanted)) or _by_id(readable, wanted)
    if not found:
        raise CommandError(f"“{person.username}” may read no knowledge base “{wanted}”.")
    if len(found) > 1:
        ids = ", ".join(str(one.pk) for one in found)
        raise CommandError(f"There are {len(found)} knowledge bases “{wanted}”; name one by its id: {ids}.")
    return found[0]


def _by_id(readable, wanted: str) -> list[KnowledgeBase]:
    try:
        return list(readable.filter(pk=wanted))
    except ValidationError:
        return []
