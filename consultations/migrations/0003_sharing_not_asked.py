from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("consultations", "0002_guards"),
    ]

    operations = [
        migrations.AlterField(
            model_name="appointment",
            name="shares_record",
            field=models.BooleanField(null=True),
        ),
    ]
