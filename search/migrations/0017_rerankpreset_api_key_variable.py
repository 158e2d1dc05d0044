from django.db import migrations, models

import search.models.presets


def name_the_key(apps, schema_editor):
    """Servers have had this key until now without being told its name: they still get it."""
    servers = apps.get_model("search", "RerankPreset").objects.filter(engine="server").order_by()
    servers.update(api_key_variable="KB_RERANK_API_KEY")


class Migration(migrations.Migration):
    dependencies = [
        ("search", "0016_one_check_and_parts"),
    ]

    operations = [
        migrations.AddField(
            model_name="rerankpreset",
            name="api_key_variable",
            field=models.CharField(
                blank=True,
                help_text="the environment variable that has it: KB_RERANK_API_KEY, or that and _ and a name; the key goes to this address alone. Empty: none",
                max_length=80,
                validators=[search.models.presets._must_name_a_reranking_key],
                verbose_name="its key",
            ),
        ),
        migrations.RunPython(name_the_key, migrations.RunPython.noop),
    ]
