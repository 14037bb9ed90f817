from django.db import migrations

# What staff had written stays in the files of the database until the tables are written anew.
WRITE_ANEW = (
    "VACUUM (FULL, ANALYZE) accounts_accountchange, accounts_identitycheck, accounts_lock, adminops_helpsession"
)


class Migration(migrations.Migration):
    atomic = False  # nothing is written anew inside a transaction
    dependencies = [
        ("adminops", "0007_words_of_staff"),
    ]

    operations = [migrations.RunSQL(WRITE_ANEW, migrations.RunSQL.noop)]
