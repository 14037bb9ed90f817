"""No session opens the ledgers of consents; what was given to others may still be sealed under newer keys. Records that were
erased before they left tombstones get theirs, which the sweep carries outside."""

from django.db import migrations

LEDGERS = {
    "patients_acknowledgement": ("acknowledgement_only_grows",),
    "patients_consenttext": ("consent_text_only_grows",),
    "patients_consent": ("consent_only_grows", "consent_withdrawn_once"),
    "patients_disclosure": ("disclosure_only_grows",),
}
DISCLOSURE = """
DROP TRIGGER disclosure_only_grows ON patients_disclosure;
CREATE TRIGGER disclosure_only_grows BEFORE DELETE OR UPDATE OF id, patient_id, kind, at, authorization_id, recorded_by_id, recorded_at
    ON patients_disclosure FOR EACH ROW EXECUTE FUNCTION {function}();
"""


def enabled(how: str) -> list[str]:
    return [f"ALTER TABLE {table} ENABLE {how} TRIGGER {name}" for table, names in LEDGERS.items() for name in names]


def tell_of_the_erased(apps, schema_editor):
    stones, limits = apps.get_model("core", "Tombstone").objects, apps.get_model("patients", "Limit").objects
    rows = limits.filter(kind="erased").values_list("patient_id", "set_by_id", "since", "until", "request_id")
    for patient, by, since, until, request in rows:
        facts = {"until": until.isoformat(), "request": str(request) if request else None}
        stone = stones.create(subject=f"erased:{patient}", keys=[], by_id=by, reason="erasure", facts=facts)
        stones.filter(pk=stone.pk).update(at=since)


class Migration(migrations.Migration):
    dependencies = [("patients", "0008_who_decides_about_a_child"), ("core", "0008_guards_without_a_switch")]
    operations = [
        migrations.RunSQL(
            DISCLOSURE.format(function="telemed_forbid_but_sealing_anew"), DISCLOSURE.format(function="telemed_forbid")
        ),
        migrations.RunSQL(enabled("ALWAYS"), enabled("")),
        migrations.RunPython(tell_of_the_erased, migrations.RunPython.noop),
    ]
