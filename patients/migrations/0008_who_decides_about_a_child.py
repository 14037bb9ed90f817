from datetime import timedelta
from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.utils import timezone

YEAR = timedelta(days=365)


def only_parents_decide(apps: Any, schema_editor: Any) -> None:
    """Whoever acts for a child and was named as something else than mother, father or guardian counted as a parent. They keep
    what they may do for a year, in which a parent can prolong it; they decide about nobody any more."""
    proxies = apps.get_model("patients", "Proxy").objects.filter(basis="parent", closed_at=None)
    proxies.exclude(relation__in=["MTH", "FTH", "GUARD"]).update(basis="consent", expires_at=timezone.now() + YEAR)


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("patients", "0007_seen"),
    ]

    operations = [
        migrations.AddField(
            model_name=name,
            name="hidden_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        )
        for name in ("allergy", "condition")
    ] + [migrations.RunPython(only_parents_decide, migrations.RunPython.noop)]
