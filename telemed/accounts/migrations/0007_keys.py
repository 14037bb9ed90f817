"""The secret of an authenticator app is an encrypted field like others; its column stays as it is."""

from django.db import migrations

import telemed.core.fields


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_sessions"), ("core", "0006_keys")]
    operations = [
        migrations.AlterField(
            "authenticatorapp",
            "sealed",
            telemed.core.fields.EncryptedBytesField(bound="user_id", subject="owner"),
        )
    ]
