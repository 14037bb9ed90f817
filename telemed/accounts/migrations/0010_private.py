from django.db import migrations, models

from telemed.core import crypto
from telemed.core.fields import BlindIndex, EncryptedTextField, blind

PARTS = ("email", "phone", "name")


def seal(apps, schema_editor):
    """Addresses and names are sealed under the key of their owner; until now they could be read."""
    rows = apps.get_model("accounts", "User").objects.values_list("pk", *(f"open_{part}" for part in PARTS))
    for pk, *values in list(rows):
        sealed = [_sealed(pk, part, value) for part, value in zip(PARTS, values, strict=True)]
        found = [
            next(iter(blind(f"accounts.user.{part}", value)), None)
            for part, value in zip(PARTS[:2], values[:2], strict=True)
        ]
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(
                "UPDATE accounts_user SET email = %s, phone = %s, name = %s, email_index = %s, phone_index = %s"
                " WHERE id = %s",
                [*sealed, *found, pk],
            )
    apps.get_model("account", "EmailAddress").objects.all().delete()  # a second copy of the address, used by nobody
    apps.get_model("accounts", "DeviceSession").objects.all().delete()  # could be read; everybody signs in again


def _sealed(pk, part, value):
    aad = crypto.bound(f"accounts.user.{part}", pk)
    return None if value is None else crypto.seal(value.encode(), subject=f"user:{pk}", aad=aad)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0009_travel_locks"),
        ("account", "0009_emailaddress_unique_primary_email"),
        ("core", "0007_trail"),
    ]

    operations = [
        migrations.RemoveConstraint("user", "user_email_lower"),
        migrations.RemoveConstraint("user", "user_reachable"),
        *(migrations.RenameField("user", part, f"open_{part}") for part in PARTS),
        migrations.AddField(
            "user",
            "email",
            EncryptedTextField(blank=True, index="email_index", null=True, subject="owner", verbose_name="email"),
        ),
        migrations.AddField("user", "email_index", BlindIndex(of="email", unique=True)),
        migrations.AddField(
            "user",
            "phone",
            EncryptedTextField(
                blank=True, index="phone_index", null=True, subject="owner", verbose_name="mobile number"
            ),
        ),
        migrations.AddField("user", "phone_index", BlindIndex(of="phone", unique=True)),
        migrations.AddField("user", "name", EncryptedTextField(blank=True, null=True, subject="owner")),
        migrations.RunPython(seal, migrations.RunPython.noop),
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", migrations.RunSQL.noop),
        *(migrations.RemoveField("user", f"open_{part}") for part in PARTS),
        migrations.AlterField("user", "name", EncryptedTextField(blank=True, subject="owner")),
        migrations.AlterField(
            "user",
            "name",
            EncryptedTextField(blank=True, default="", max_length=80, subject="owner", verbose_name="name"),
        ),
        migrations.AddConstraint(
            "user",
            models.CheckConstraint(
                condition=models.Q(email__isnull=False) | models.Q(phone__isnull=False), name="user_reachable"
            ),
        ),
        *(
            migrations.AddConstraint(
                "user",
                models.CheckConstraint(
                    condition=models.Q(**{f"{part}__isnull": True, f"{part}_index__isnull": True})
                    | models.Q(**{f"{part}__isnull": False, f"{part}_index__isnull": False}),
                    name=f"user_{part}_found",
                ),
            )
            for part in ("email", "phone")
        ),
    ]
