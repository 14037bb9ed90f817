from django.db import migrations

from telemed.core import crypto
from telemed.core.fields import EncryptedTextField


def seal(apps, schema_editor):
    """Why support wanted to look could be read; it is sealed for the house."""
    for pk, words in list(apps.get_model("adminops", "HelpSession").objects.values_list("pk", "open_why")):
        sealed = crypto.seal(words.encode(), subject=crypto.HOUSE, aad=crypto.bound("adminops.helpsession.why", pk))
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("UPDATE adminops_helpsession SET why = %s WHERE id = %s", [sealed, pk])


class Migration(migrations.Migration):
    dependencies = [
        ("adminops", "0006_clinics_by_two"),
        ("accounts", "0015_words_of_staff"),
    ]

    operations = [
        migrations.RenameField("helpsession", "why", "open_why"),
        migrations.AddField(
            "helpsession", "why", EncryptedTextField(max_length=300, null=True, subject="", verbose_name="why")
        ),
        migrations.RunPython(seal, migrations.RunPython.noop),
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", migrations.RunSQL.noop),
        migrations.RemoveField("helpsession", "open_why"),
        migrations.AlterField("helpsession", "why", EncryptedTextField(max_length=300, subject="", verbose_name="why")),
    ]
