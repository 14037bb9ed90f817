"""Guards that nothing opens for the log, its seals, tombstones and ledgers; seals that say more; tombstones of records; files
known by the hash of their encrypted bytes instead of their plain ones."""

from django.db import migrations, models

# The source of this function is known to core/proof.py, which names a guard that was changed.
FORBID = """
CREATE OR REPLACE FUNCTION telemed_forbid() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;
"""
# For tables of which encrypted values stand under the guard: those may be sealed anew (0006).
SWITCHED = """
CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND telemed_sealed_anew(to_jsonb(OLD), to_jsonb(NEW)) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;
"""
TOMBSTONES = """
DROP TRIGGER tombstone_append_only ON core_tombstone;
CREATE TRIGGER tombstone_append_only BEFORE UPDATE OF id, subject, keys, by_id, reason, facts OR DELETE ON core_tombstone
    FOR EACH ROW EXECUTE FUNCTION telemed_forbid();
CREATE TRIGGER tombstone_no_truncate BEFORE TRUNCATE ON core_tombstone FOR EACH STATEMENT EXECUTE FUNCTION telemed_forbid();
ALTER TABLE core_tombstone ENABLE ALWAYS TRIGGER tombstone_append_only, ENABLE ALWAYS TRIGGER tombstone_no_truncate;
ALTER TABLE core_event ENABLE ALWAYS TRIGGER event_append_only;
"""
BEFORE = """
ALTER TABLE core_event ENABLE TRIGGER event_append_only;
DROP TRIGGER tombstone_no_truncate ON core_tombstone;
DROP TRIGGER tombstone_append_only ON core_tombstone;
CREATE TRIGGER tombstone_append_only BEFORE UPDATE OF id, subject, keys, by_id, reason OR DELETE ON core_tombstone
    FOR EACH ROW EXECUTE FUNCTION telemed_forbid();
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0007_trail")]
    operations = [
        migrations.AddField("tombstone", "facts", models.JSONField(default=dict)),
        migrations.AddField("auditseal", "version", models.PositiveSmallIntegerField(default=1)),
        migrations.RemoveField("storedfile", "sha256"),
        migrations.AddField("storedfile", "sealed_sha256", models.BinaryField(max_length=32, null=True)),
        # What the rows said before would stay in the files of the database.
        migrations.RunSQL("CLUSTER core_storedfile USING core_storedfile_pkey", migrations.RunSQL.noop),
        migrations.RunSQL(
            SWITCHED.format(name="telemed_forbid_but_sealing_anew"), "DROP FUNCTION telemed_forbid_but_sealing_anew()"
        ),
        migrations.RunSQL(FORBID, SWITCHED.format(name="telemed_forbid")),
        migrations.RunSQL(TOMBSTONES, BEFORE),
    ]
