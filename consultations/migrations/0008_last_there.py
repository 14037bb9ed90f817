from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("consultations", "0007_hidden_by")]

    operations = [
        migrations.AddField("participant", "seen_at", models.DateTimeField(null=True)),
        migrations.AlterField(
            model_name="appointment",
            name="state",
            field=models.CharField(
                choices=[
                    ("held", "held for you"),
                    ("confirmed", "booked"),
                    ("expired", "not booked in time"),
                    ("cancelled", "cancelled"),
                    ("completed", "completed"),
                    ("patient_no_show", "patient did not come"),
                    ("doctor_no_show", "doctor did not come"),
                    ("missed", "did not take place"),
                ],
                default="held",
                max_length=16,
                verbose_name="state",
            ),
        ),
    ]
