"""Who works at which clinic is agreed to by two people."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0014_members"), ("adminops", "0005_private")]
    operations = [
        migrations.AlterField(
            model_name="approval",
            name="kind",
            field=models.CharField(
                choices=[
                    ("role", "give a role"),
                    ("licence", "let a suspended doctor work again"),
                    ("factors", "take lost second steps away"),
                    ("join", "work at a clinic"),
                    ("leave", "no longer work at a clinic"),
                ],
                max_length=8,
                verbose_name="what",
            ),
        ),
        migrations.AddField(
            model_name="approval",
            name="clinic",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.clinic",
                verbose_name="clinic",
            ),
        ),
        migrations.RemoveConstraint(model_name="approval", name="approval_asked_once"),
        migrations.AddConstraint(
            model_name="approval",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "asked")),
                fields=("kind", "person", "role", "clinic"),
                name="approval_asked_once",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="approval",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["join", "leave"])) ^ models.Q(("clinic", None)),
                name="approval_at_a_clinic",
            ),
        ),
    ]
