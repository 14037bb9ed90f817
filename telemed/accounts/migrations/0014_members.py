"""Where there are several clinics, whoever works here and had no row that says where worked at the first: now one says so."""

from django.db import migrations


def settle(apps, schema_editor):
    clinics = list(apps.get_model("accounts", "Clinic").objects.order_by("created_at", "pk")[:2])
    if len(clinics) == 2:
        people = apps.get_model("accounts", "User").objects.filter(memberships=None).exclude(role="patient")
        member = apps.get_model("accounts", "Membership")
        member.objects.bulk_create([member(user=person, clinic=clinics[0]) for person in people])


class Migration(migrations.Migration):
    dependencies = [("accounts", "0013_codes_by_time")]
    operations = [migrations.RunPython(settle, migrations.RunPython.noop)]
