"""Name the installation, and have the words of all indexes put in again: each index keeps them apart from now on."""

import search.models.installation
from django.db import migrations, models


def begin(apps, schema_editor):
    apps.get_model("search", "Installation").objects.create(pk=1)
    apps.get_model("search", "Index").objects.exclude(state="retired").update(words_ready=False)


class Migration(migrations.Migration):

    dependencies = [
        ("search", "0012_message_awaits_check"),
    ]

    operations = [
        migrations.CreateModel(
            name='Installation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(default=search.models.installation.made_up, max_length=10)),
            ],
        ),
        migrations.AddField(
            model_name='index',
            name='words_ready',
            field=models.BooleanField(default=True, help_text='While it is not, some passages are not found by words.', verbose_name='keyword index complete'),
        ),
        migrations.RunPython(begin, migrations.RunPython.noop),
    ]
