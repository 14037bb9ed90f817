from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0002_history_by_visit")]

    operations = [
        migrations.AlterField(
            model_name="refund",
            name="reason",
            field=models.CharField(
                choices=[
                    ("late", "paid after the time was gone"),
                    ("twice", "paid twice"),
                    ("amount", "another amount than the price"),
                    ("cancelled", "the visit was cancelled"),
                    ("doctor_no_show", "the doctor did not come"),
                    ("missed", "the visit did not take place"),
                ],
                max_length=16,
                verbose_name="reason",
            ),
        ),
    ]
