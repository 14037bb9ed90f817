from django.db import migrations, models


class Migration(migrations.Migration):
    """Codes that leave by email are counted, too."""

    dependencies = [("accounts", "0012_idle_by_role")]

    operations = [
        migrations.RemoveIndex(model_name="onetimecode", name="code_texts"),
        migrations.AddIndex(model_name="onetimecode", index=models.Index(fields=["-created_at"], name="code_recent")),
    ]
