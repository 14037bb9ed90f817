from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("core", "0002_guards")]
    operations: ClassVar = [
        # "suspended" is an outcome too
        migrations.AlterField(model_name="auditevent", name="outcome", field=models.CharField(max_length=12)),
    ]
