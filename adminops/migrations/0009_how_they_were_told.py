from django.db import migrations, models

from telemed.core import crypto
from telemed.core.fields import EncryptedTextField


def seal(apps, schema_editor):
    """How somebody was told may name them; it is sealed for the house."""
    told = apps.get_model("adminops", "Duty").objects.exclude(open_how="")
    for pk, words in list(told.values_list("pk", "open_how")):
        sealed = crypto.seal(words.encode(), subject=crypto.HOUSE, aad=crypto.bound("adminops.duty.done_how", pk))
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("UPDATE adminops_duty SET done_how = %s WHERE id = %s", [sealed, pk])


class Migration(migrations.Migration):
    dependencies = [
        ("adminops", "0008_words_written_anew"),
    ]

    operations = [
        migrations.RemoveConstraint("duty", "duty_done_whole"),
        migrations.RenameField("duty", "done_how", "open_how"),
        migrations.AddField("duty", "done_how", EncryptedTextField(max_length=300, null=True, subject="")),
        migrations.RunPython(seal, migrations.RunPython.noop),
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", migrations.RunSQL.noop),
        migrations.RemoveField("duty", "open_how"),
        migrations.AddConstraint(
            "duty",
            models.CheckConstraint(
                condition=~models.Q(state="done")
                | models.Q(done_at__isnull=False, done_by__isnull=False, done_how__isnull=False),
                name="duty_done_whole",
            ),
        ),
    ]
