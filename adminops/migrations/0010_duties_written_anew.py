from django.db import migrations

# What staff had written stays in the files of the database until the table is written anew.
WRITE_ANEW = "VACUUM (FULL, ANALYZE) adminops_duty"


class Migration(migrations.Migration):
    atomic = False  # nothing is written anew inside a transaction
    dependencies = [
        ("adminops", "0009_how_they_were_told"),
    ]

    operations = [migrations.RunSQL(WRITE_ANEW, migrations.RunSQL.noop)]
