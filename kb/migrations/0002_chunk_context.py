from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("kb", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="chunk",
            name="context",
            field=models.TextField(blank=True, help_text="title, headings, a table's header: read above the text"),
        ),
    ]
