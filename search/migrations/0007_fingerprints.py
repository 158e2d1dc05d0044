"""Write the fingerprints of embedding presets anew: until now a value and its name in the code made two of them."""

import hashlib

from django.db import migrations


def write(apps, schema_editor):
    for preset in apps.get_model("search", "Preset").objects.all():
        parts = (
            preset.engine, preset.model, preset.revision, preset.dimension, preset.document_instruction,
            preset.max_tokens,
        )
        if preset.pooling:
            parts += (preset.pooling,)
        if preset.backend == "openvino-int8":
            parts += (preset.backend,)
        preset.fingerprint = hashlib.sha256(repr(parts).encode()).hexdigest()
        preset.save(update_fields=["fingerprint"])


class Migration(migrations.Migration):
    dependencies = [("search", "0006_chat")]

    operations = [migrations.RunPython(write, migrations.RunPython.noop)]
