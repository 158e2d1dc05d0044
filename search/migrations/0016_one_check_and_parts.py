import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("kb", "0004_apikey_is_limited"),
        ("search", "0010_index_pace"),
    ]

    operations = [
        migrations.CreateModel(
            name="PartVector",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("digest", models.CharField(max_length=64)),
                ("data", models.BinaryField()),
                ("tokens_read", models.PositiveIntegerField(help_text="tokens that the model really read")),
                (
                    "document",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="part_vectors", to="kb.document"
                    ),
                ),
                (
                    "preset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="part_vectors", to="search.preset"
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="partvector",
            constraint=models.UniqueConstraint(fields=("preset", "document", "digest"), name="one_vector_a_part"),
        ),
    ]
