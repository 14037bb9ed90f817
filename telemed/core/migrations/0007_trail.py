"""The access log says more, knows in which transaction each line was written, and is sealed."""

import django.contrib.postgres.fields
from django.db import migrations, models

TEXTS = {"strength": 40, "reason": 40, "rule": 80, "agent": 16, "detail": 80}

# Lines about what was said in a room were written without the clinic that their canonical bytes name.
SAME = """
ALTER TABLE core_auditevent DISABLE TRIGGER audit_append_only;
UPDATE core_auditevent SET clinic_id = (convert_from(canonical, 'UTF8')::jsonb ->> 'clinic_id')::uuid
WHERE clinic_id IS NULL AND convert_from(canonical, 'UTF8')::jsonb ->> 'clinic_id' IS NOT NULL;
ALTER TABLE core_auditevent ENABLE TRIGGER audit_append_only;
"""

# The sealer asks for what became visible since it last looked. Guards that are ENABLE ALWAYS hold in replication sessions
# too; only ALTER TABLE takes them away, and the verification says so.
GUARD = """
ALTER TABLE core_auditevent ADD COLUMN tx bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint);
CREATE INDEX audit_tx ON core_auditevent USING brin (tx) WITH (pages_per_range = 32, autosummarize = on);
CREATE TRIGGER seal_append_only BEFORE UPDATE OR DELETE ON core_auditseal FOR EACH ROW EXECUTE FUNCTION telemed_forbid();
CREATE TRIGGER seal_no_truncate BEFORE TRUNCATE ON core_auditseal FOR EACH STATEMENT EXECUTE FUNCTION telemed_forbid();
ALTER TABLE core_auditevent ENABLE ALWAYS TRIGGER audit_append_only, ENABLE ALWAYS TRIGGER audit_no_truncate;
ALTER TABLE core_auditseal ENABLE ALWAYS TRIGGER seal_append_only, ENABLE ALWAYS TRIGGER seal_no_truncate;
"""
OPEN = """
ALTER TABLE core_auditevent ENABLE TRIGGER audit_append_only, ENABLE TRIGGER audit_no_truncate;
DROP TRIGGER seal_no_truncate ON core_auditseal;
DROP TRIGGER seal_append_only ON core_auditseal;
DROP INDEX audit_tx;
ALTER TABLE core_auditevent DROP COLUMN tx;
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0006_keys")]
    operations = [
        migrations.AddField("auditevent", "session_id", models.UUIDField(null=True)),
        migrations.AddField("auditevent", "on_behalf_of", models.UUIDField(null=True)),
        *(
            migrations.AddField(
                "auditevent", name, models.CharField(max_length=length, blank=True, default=""), preserve_default=False
            )
            for name, length in TEXTS.items()
        ),
        migrations.CreateModel(
            name="AuditSeal",
            fields=[
                ("n", models.BigIntegerField(primary_key=True, serialize=False)),
                ("first", models.BigIntegerField(unique=True)),
                ("last", models.BigIntegerField()),
                ("count", models.PositiveIntegerField()),
                ("ids", django.contrib.postgres.fields.ArrayField(models.BigIntegerField())),
                ("marks", models.BinaryField()),
                ("root", models.BinaryField(max_length=32)),
                ("prev_hash", models.BinaryField(max_length=32)),
                ("at", models.DateTimeField()),
                ("key", models.CharField(max_length=40)),
                ("public", models.BinaryField(max_length=32)),
                ("signature", models.BinaryField(max_length=64)),
                ("snapshot", models.TextField()),
                ("system", models.CharField(max_length=24)),
                ("floor", models.BigIntegerField()),
            ],
        ),
        migrations.RunSQL(SAME, migrations.RunSQL.noop),
        migrations.RunSQL(GUARD, OPEN),
    ]
