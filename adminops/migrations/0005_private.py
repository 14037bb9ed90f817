from django.db import migrations

# The log of changes kept names, addresses and networks of people that are encrypted everywhere else.
FORGET = """
UPDATE auditlog_logentry SET object_repr = '', actor_email = NULL, remote_addr = NULL;
UPDATE auditlog_logentry SET changes = changes - 'name' - 'email' - 'phone'
 WHERE content_type_id IN (SELECT id FROM django_content_type WHERE app_label = 'accounts' AND model = 'user')
   AND jsonb_typeof(changes) = 'object';
DELETE FROM django_admin_log;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("adminops", "0004_incidents"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("auditlog", "0017_add_actor_email"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunSQL(FORGET, migrations.RunSQL.noop)]
