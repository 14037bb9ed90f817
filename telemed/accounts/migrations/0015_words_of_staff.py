from django.db import migrations, models

from telemed.core import crypto
from telemed.core.fields import EncryptedTextField

WORDS = (("AccountChange", "reason"), ("IdentityCheck", "reason"), ("Lock", "decision"))


def seal(apps, schema_editor):
    """What staff wrote about a person could be read; it is sealed as the column says."""
    for model, name in WORDS:
        table = apps.get_model("accounts", model)
        for pk, user_id, words in list(table.objects.values_list("pk", "user_id", f"open_{name}")):
            owner = crypto.HOUSE if model == "Lock" else f"user:{user_id}"
            if words or model == "IdentityCheck":
                aad = crypto.bound(f"accounts.{model.lower()}.{name}", pk)
                with schema_editor.connection.cursor() as cursor:
                    cursor.execute(
                        f"UPDATE {table._meta.db_table} SET {name} = %s WHERE id = %s",  # noqa: S608 -- our own names
                        [crypto.seal(words.encode(), subject=owner, aad=aad), pk],
                    )


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0014_members"),
        ("core", "0007_trail"),
    ]

    operations = [
        migrations.RemoveConstraint("accountchange", "change_of_factors_by_another"),
        migrations.RemoveConstraint("lock", "lock_decided_whole"),
        *(migrations.RenameField(model, name, f"open_{name}") for model, name in WORDS),
        migrations.AddField(
            "accountchange",
            "reason",
            EncryptedTextField(blank=True, max_length=300, null=True, subject="owner", verbose_name="why"),
        ),
        migrations.AddField(
            "identitycheck", "reason", EncryptedTextField(blank=True, max_length=300, null=True, subject="owner")
        ),
        migrations.AddField("lock", "decision", EncryptedTextField(blank=True, max_length=300, null=True, subject="")),
        migrations.RunPython(seal, migrations.RunPython.noop),
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", migrations.RunSQL.noop),
        *(migrations.RemoveField(model, f"open_{name}") for model, name in WORDS),
        migrations.AlterField(
            "identitycheck", "reason", EncryptedTextField(blank=True, max_length=300, subject="owner")
        ),
        migrations.AlterField(
            "identitycheck", "reason", EncryptedTextField(blank=True, default="", max_length=300, subject="owner")
        ),
        migrations.AddConstraint(
            "accountchange",
            models.CheckConstraint(
                condition=~models.Q(kind="factors") | (~models.Q(by=models.F("user")) & models.Q(reason__isnull=False)),
                name="change_of_factors_by_another",
            ),
        ),
        migrations.AddConstraint(
            "lock",
            models.CheckConstraint(
                condition=models.Q(state="shut")
                | models.Q(decided_by__isnull=False, decided_at__isnull=False, decision__isnull=False),
                name="lock_decided_whole",
            ),
        ),
    ]
