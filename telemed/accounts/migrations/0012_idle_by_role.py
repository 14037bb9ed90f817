from django.db import migrations


class Migration(migrations.Migration):
    """How long a session may be idle comes from what its person is now, not from what they were at the sign-in."""

    dependencies = [("accounts", "0011_seen")]

    operations = [migrations.RemoveField(model_name="devicesession", name="idle_seconds")]
