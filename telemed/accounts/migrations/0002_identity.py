import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from telemed.core import crypto, ids, keyed


def hide(apps, schema_editor):
    """Secrets of authenticator apps are sealed and recovery codes hashed; until now both could be read."""
    app = apps.get_model("accounts", "AuthenticatorApp")
    for old in apps.get_model("otp_totp", "TOTPDevice").objects.all():
        place = crypto.bound("accounts.authenticatorapp.sealed", old.user_id)
        sealed = crypto.seal(bytes.fromhex(old.key), subject=f"user:{old.user_id}", aad=place)
        kept = {name: getattr(old, name) for name in ("user_id", "name", "confirmed", "drift", "last_t")}
        app.objects.create(sealed=sealed, **kept)
        old.delete()
    for token in apps.get_model("otp_static", "StaticToken").objects.select_related("device"):
        said = f"{token.device.user_id}|{ids.typed(token.token)}"
        token.token = keyed.digest("recovery-code", said).hex()[:16]
        token.save(update_fields=["token"])


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("core", "0003_outcome"),
        ("otp_totp", "0003_add_timestamps"),
        ("otp_static", "0003_add_timestamps"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuthenticatorApp",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(help_text="The human-readable name of this device.", max_length=64)),
                ("confirmed", models.BooleanField(default=True, help_text="Is this device ready for use?")),
                (
                    "throttling_failure_timestamp",
                    models.DateTimeField(
                        blank=True,
                        default=None,
                        help_text="A timestamp of the last failed verification attempt. Null if last attempt succeeded.",
                        null=True,
                    ),
                ),
                (
                    "throttling_failure_count",
                    models.PositiveIntegerField(default=0, help_text="Number of successive failed attempts."),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        auto_now_add=True,
                        help_text="The date and time when this device was initially created in the system.",
                        null=True,
                    ),
                ),
                (
                    "last_used_at",
                    models.DateTimeField(
                        blank=True, help_text="The most recent date and time this device was used.", null=True
                    ),
                ),
                ("sealed", models.BinaryField()),
                ("drift", models.SmallIntegerField(default=0)),
                ("last_t", models.BigIntegerField(default=-1)),
                (
                    "user",
                    models.ForeignKey(
                        help_text="The user that this device belongs to.",
                        on_delete=django.db.models.deletion.CASCADE,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"abstract": False},
        ),
        migrations.AddField(
            "onetimecode", "range", models.CharField(blank=True, default="", max_length=12), preserve_default=False
        ),
        migrations.AddIndex(
            "onetimecode",
            models.Index(condition=models.Q(("range", ""), _negated=True), fields=["-created_at"], name="code_texts"),
        ),
        migrations.RunPython(hide, migrations.RunPython.noop),
    ]
