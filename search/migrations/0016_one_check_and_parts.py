import django.db.models.deletion
from django.db import migrations, models


def queue_again(apps, schema_editor):
    """Two checks may run, of workers that are stopped now: only one of them may at a time from here on."""
    running = apps.get_model("search", "IndexCheck").objects.filter(state="running").order_by()
    running.update(state="queued", worker="", lease_until=None, rung_at=None)


class Migration(migrations.Migration):
    dependencies = [
        ("kb", "0004_apikey_is_limited"),
        ("search", "0015_wholes_refusals_lengths"),
    ]

    operations = [
        migrations.RunPython(queue_again, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="indexcheck",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "running")), fields=("state",), name="one_check_at_a_time"
            ),
        ),
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
