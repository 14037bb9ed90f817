"""A stored file belongs to a subject, which may be a patient, a user or a pile of papers that goes away as one."""

from django.db import migrations, models

import telemed.core.fields

NAME_OWNERS = "UPDATE core_storedfile SET owner = 'patient:' || patient_id"


class Migration(migrations.Migration):
    dependencies = [("core", "0004_at_which_clinic")]
    operations = [
        migrations.AddField("storedfile", "owner", models.CharField(max_length=80, default=""), preserve_default=False),
        migrations.RunSQL(NAME_OWNERS, migrations.RunSQL.noop),
        migrations.AlterField("storedfile", "owner", models.CharField(db_index=True, max_length=80)),
        migrations.RemoveField("storedfile", "patient_id"),
        migrations.AlterField("storedfile", "name", telemed.core.fields.EncryptedTextField(subject="owner")),
    ]
