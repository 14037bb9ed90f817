from django.db import migrations, models

from telemed.core import crypto
from telemed.core.fields import BlindIndex, EncryptedTextField, blind


def seal(apps, schema_editor):
    """The address that an invitation went to is sealed; until now it could be read."""
    place = "doctors.deskinvite.email"
    for pk, email in list(apps.get_model("doctors", "DeskInvite").objects.values_list("pk", "open_email")):
        sealed = crypto.seal(email.encode(), subject=crypto.HOUSE, aad=crypto.bound(place, pk))
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(
                "UPDATE doctors_deskinvite SET email = %s, email_index = %s WHERE id = %s",
                [sealed, blind(place, email)[0], pk],
            )


class Migration(migrations.Migration):
    dependencies = [("doctors", "0003_desk"), ("core", "0007_trail")]

    operations = [
        migrations.RemoveConstraint("deskinvite", "desk_invited_once"),
        migrations.RenameField("deskinvite", "email", "open_email"),
        migrations.AddField(
            "deskinvite",
            "email",
            EncryptedTextField(index="email_index", null=True, subject="", verbose_name="email"),
        ),
        migrations.AddField("deskinvite", "email_index", BlindIndex(of="email")),
        migrations.RunPython(seal, migrations.RunPython.noop),
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", migrations.RunSQL.noop),
        migrations.RemoveField("deskinvite", "open_email"),
        migrations.AlterField(
            "deskinvite", "email", EncryptedTextField(index="email_index", subject="", verbose_name="email")
        ),
        migrations.AlterField("deskinvite", "email_index", BlindIndex(null=False, of="email")),
        migrations.AddConstraint(
            "deskinvite",
            models.UniqueConstraint(
                condition=models.Q(ended_at=None), fields=("doctor", "email_index"), name="desk_invited_once"
            ),
        ),
    ]
