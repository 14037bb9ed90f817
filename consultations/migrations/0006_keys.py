"""What is signed stays as it was signed, but may be sealed under a newer key."""

from importlib import import_module

from django.db import migrations

BEFORE = import_module("consultations.migrations.0002_guards").FORBID
LET = """BEGIN
    IF TG_OP = 'UPDATE' AND telemed_sealed_anew(to_jsonb(OLD), to_jsonb(NEW)) THEN
        RETURN NEW;
    END IF;
"""


def functions(sql: str) -> list[str]:
    """The three guards, without the triggers that call them."""
    parts = sql.replace("CREATE FUNCTION", "\0CREATE OR REPLACE FUNCTION").split("\0")[1:]
    return [part[: part.index("END $$;") + len("END $$;")] for part in parts]


OLD = functions(BEFORE)
NEW = [part.replace("BEGIN\n", LET, 1) for part in OLD]


class Migration(migrations.Migration):
    dependencies = [("consultations", "0005_kept_not_used"), ("core", "0006_keys")]
    operations = [migrations.RunSQL("\n".join(NEW), "\n".join(OLD))]
