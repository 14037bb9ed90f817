"""Tombstones of destroyed keys, names of root keys elsewhere, and values that may be sealed under a newer key.

A guard that forbids changes lets one through: while ``rotation`` says so, an envelope may be replaced by one of the same
length under another data key, and nothing else of the row may differ.
"""

import django.contrib.postgres.fields
from django.db import migrations, models

import telemed.core.fields
import telemed.core.ids

LET = r"""
CREATE FUNCTION telemed_sealed_anew(was jsonb, now jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    name text;
    a text;
    b text;
BEGIN
    IF current_setting('telemed.sealing_anew', true) IS DISTINCT FROM 'on' THEN
        RETURN false;
    END IF;
    FOR name IN SELECT key FROM jsonb_each(was) WHERE value IS DISTINCT FROM now -> key LOOP
        a := was ->> name;
        b := now ->> name;
        -- version 1 in hexadecimal, then the id of the data key (16 bytes): 4 + 32 characters of at least 92
        IF a IS NULL OR b IS NULL OR left(a, 4) <> '\x01' OR left(b, 4) <> '\x01' OR length(a) < 92
           OR length(a) <> length(b) OR substr(a, 5, 32) = substr(b, 5, 32) THEN
            RETURN false;
        END IF;
    END LOOP;
    RETURN true;
END $$;

CREATE OR REPLACE FUNCTION telemed_forbid() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND telemed_sealed_anew(to_jsonb(OLD), to_jsonb(NEW)) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER tombstone_append_only BEFORE UPDATE OF id, subject, keys, by_id, reason OR DELETE ON core_tombstone
    FOR EACH ROW EXECUTE FUNCTION telemed_forbid();
"""
FORBID = """
DROP TRIGGER tombstone_append_only ON core_tombstone;
CREATE OR REPLACE FUNCTION telemed_forbid() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;
DROP FUNCTION telemed_sealed_anew(jsonb, jsonb);
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0005_file_owner")]
    operations = [
        migrations.AlterField("datakey", "root", models.CharField(max_length=200)),
        migrations.AlterField("storedfile", "key", telemed.core.fields.EncryptedBytesField(subject="owner")),
        migrations.CreateModel(
            name="Tombstone",
            fields=[
                (
                    "id",
                    models.UUIDField(default=telemed.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("subject", models.CharField(db_index=True, max_length=80)),
                ("keys", django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None)),
                ("at", models.DateTimeField(auto_now_add=True)),
                ("by_id", models.UUIDField(null=True)),
                ("reason", models.CharField(max_length=20)),
                ("outside", models.BooleanField(default=False)),
            ],
            options={
                "indexes": [
                    models.Index(condition=models.Q(("outside", False)), fields=["id"], name="tombstone_inside_only")
                ],
            },
        ),
        migrations.RunSQL(LET, FORBID),
    ]
