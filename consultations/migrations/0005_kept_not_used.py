"""Of a patient whose data is kept and not used, nothing is booked, said, written or prescribed."""

from django.db import migrations

GUARD = """
CREATE TRIGGER kept_not_used BEFORE INSERT ON consultations_appointment
    FOR EACH ROW EXECUTE FUNCTION telemed_refuse_of_patient();
CREATE TRIGGER kept_not_used BEFORE INSERT OR UPDATE ON consultations_prescription
    FOR EACH ROW EXECUTE FUNCTION telemed_refuse_of_patient();
CREATE TRIGGER kept_not_used BEFORE INSERT OR UPDATE ON consultations_clinicalnote
    FOR EACH ROW EXECUTE FUNCTION telemed_refuse_of_patient();
CREATE TRIGGER kept_not_used BEFORE INSERT ON consultations_roomevent
    FOR EACH ROW WHEN (NEW.kind = 'chat') EXECUTE FUNCTION telemed_refuse_of_patient();
"""
UNGUARD = """
DROP TRIGGER kept_not_used ON consultations_roomevent;
DROP TRIGGER kept_not_used ON consultations_clinicalnote;
DROP TRIGGER kept_not_used ON consultations_prescription;
DROP TRIGGER kept_not_used ON consultations_appointment;
"""


class Migration(migrations.Migration):
    dependencies = (("consultations", "0004_hidden"), ("patients", "0005_rights"))
    operations = (migrations.RunSQL(GUARD, UNGUARD),)
