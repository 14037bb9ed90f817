"""What is signed stays as it was signed, and the log of a room only grows."""

from django.db import migrations

FORBID = """
CREATE FUNCTION telemed_prescription_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE expected consultations_prescription;
BEGIN
    IF OLD.state = 'draft' THEN
        RETURN COALESCE(NEW, OLD);
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.state = 'signed' AND NEW.state = 'cancelled' THEN
        expected := OLD;
        expected.state := NEW.state;
        expected.cancelled_at := NEW.cancelled_at;
        expected.cancel_reason := NEW.cancel_reason;
        IF expected IS NOT DISTINCT FROM NEW THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'a signed prescription is never changed' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER prescription_guard BEFORE UPDATE OR DELETE ON consultations_prescription
    FOR EACH ROW EXECUTE FUNCTION telemed_prescription_guard();

CREATE FUNCTION telemed_item_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM consultations_prescription p
               WHERE p.id = COALESCE(NEW.prescription_id, OLD.prescription_id) AND p.state <> 'draft') THEN
        RAISE EXCEPTION 'the medicines of a signed prescription are never changed' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN COALESCE(NEW, OLD);
END $$;
CREATE TRIGGER prescription_item_guard BEFORE INSERT OR UPDATE OR DELETE ON consultations_prescriptionitem
    FOR EACH ROW EXECUTE FUNCTION telemed_item_guard();

CREATE FUNCTION telemed_note_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.signed_at IS NULL THEN
        RETURN COALESCE(NEW, OLD);
    END IF;
    RAISE EXCEPTION 'a signed note is never changed' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER note_guard BEFORE UPDATE OR DELETE ON consultations_clinicalnote
    FOR EACH ROW EXECUTE FUNCTION telemed_note_guard();

CREATE TRIGGER room_event_append_only BEFORE UPDATE ON consultations_roomevent
    FOR EACH ROW EXECUTE FUNCTION telemed_forbid();
"""
ALLOW = """
DROP TRIGGER room_event_append_only ON consultations_roomevent;
DROP TRIGGER note_guard ON consultations_clinicalnote;
DROP TRIGGER prescription_item_guard ON consultations_prescriptionitem;
DROP TRIGGER prescription_guard ON consultations_prescription;
DROP FUNCTION telemed_note_guard();
DROP FUNCTION telemed_item_guard();
DROP FUNCTION telemed_prescription_guard();
"""


class Migration(migrations.Migration):
    dependencies = [("consultations", "0001_initial"), ("core", "0002_guards")]
    operations = [migrations.RunSQL(FORBID, ALLOW)]
