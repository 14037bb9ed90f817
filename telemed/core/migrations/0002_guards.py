"""The access log and events cannot be rewritten, not even by the application."""

from django.db import migrations

FORBID = """
CREATE FUNCTION telemed_forbid() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON core_auditevent FOR EACH ROW EXECUTE FUNCTION telemed_forbid();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON core_auditevent FOR EACH STATEMENT EXECUTE FUNCTION telemed_forbid();
CREATE TRIGGER event_append_only BEFORE UPDATE ON core_event FOR EACH ROW EXECUTE FUNCTION telemed_forbid();
"""
ALLOW = """
DROP TRIGGER event_append_only ON core_event;
DROP TRIGGER audit_no_truncate ON core_auditevent;
DROP TRIGGER audit_append_only ON core_auditevent;
DROP FUNCTION telemed_forbid();
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial")]
    operations = [migrations.RunSQL(FORBID, ALLOW)]
