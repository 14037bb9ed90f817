from django.db import migrations

# The log of changes kept names, addresses and networks of people that are encrypted everywhere else.
FORGET = (
    "UPDATE auditlog_logentry SET object_repr = '', actor_email = NULL, remote_addr = NULL",
    """
UPDATE auditlog_logentry SET changes = changes - 'name' - 'email' - 'phone'
 WHERE content_type_id IN (SELECT id FROM django_content_type WHERE app_label = 'accounts' AND model = 'user')
   AND jsonb_typeof(changes) = 'object'
""",
    "DELETE FROM django_admin_log",
)
# What a row said before stays in the files of the database until the table is written anew.
WRITE_ANEW = """
VACUUM (FULL, ANALYZE) accounts_user, accounts_devicesession, account_emailaddress, doctors_deskinvite, auditlog_logentry,
 django_admin_log
"""


class Migration(migrations.Migration):
    atomic = False  # nothing is written anew inside a transaction; each step may be run again
    dependencies = [
        ("adminops", "0004_incidents"),
        ("accounts", "0010_private"),
        ("doctors", "0004_private"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("auditlog", "0017_add_actor_email"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunSQL([*FORGET, WRITE_ANEW], migrations.RunSQL.noop)]
