"""A key for certain knowledge bases stays for these alone, also when they are gone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("kb", "0003_calls_and_key_scopes")]

    operations = [
        migrations.AddField(
            model_name="apikey", name="is_limited", field=models.BooleanField(default=False, editable=False)
        ),
    ]
