from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("search", "0011_answer_limits"),
    ]

    operations = [
        migrations.AddField(
            model_name='message',
            name='awaits_check',
            field=models.BooleanField(default=False),
        ),
    ]
