"""Lines of the history that were written before they knew their visit learn which one it was."""

from django.db import migrations

LEARN = """
UPDATE patients_timelineentry SET visit_id = source_id WHERE kind = 'visit' AND visit_id IS NULL;
UPDATE patients_timelineentry line SET visit_id = room.appointment_id
FROM consultations_prescription rx JOIN consultations_consultation room ON room.id = rx.consultation_id
WHERE line.kind = 'prescription' AND line.source_id = rx.id AND line.visit_id IS NULL;
UPDATE patients_timelineentry line SET visit_id = payment.appointment_id
FROM billing_payment payment WHERE line.kind = 'receipt' AND line.source_id = payment.id AND line.visit_id IS NULL;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0001_initial"),
        ("consultations", "0004_hidden"),
        ("patients", "0003_families"),
    ]

    operations = [migrations.RunSQL(LEARN, migrations.RunSQL.noop)]
