"""manage.py create_api_key USER: print a key with which a program acts for this person."""

from django.core.management.base import BaseCommand, CommandError

from kb.models import ApiKey, User


class Command(BaseCommand):
    help = "Make an API key for a person and print it. It is shown this once and never again."

    def add_arguments(self, parser) -> None:
        parser.add_argument("user", help="the name with which the person signs in")
        parser.add_argument("--name", default="command line", help="what the key is for")

    def handle(self, *args, user: str, name: str, **options) -> None:
        person = User.objects.filter(username=user).first()
        if person is None:
            raise CommandError(f"There is no user “{user}”.")
        if not person.is_active:
            raise CommandError(f"“{user}” may not sign in, so a key would not work.")
        _key, secret = ApiKey.issue(person, name[:80])
        self.stdout.write(secret)
