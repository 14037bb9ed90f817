"""Requests about one's data with their clocks, and limits: data that is kept and not used refuses to be changed or shared, whatever
asks. The error has a code of its own (TR018), which pages turn into a sentence."""

import django.db.models.deletion
import telemed.core.fields
import telemed.core.ids
from django.conf import settings
from django.db import migrations, models


GUARD = """
CREATE FUNCTION telemed_kept_not_used(whose uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM patients_limit WHERE patient_id = whose AND kind IN ('restricted', 'erased') AND lifted_at IS NULL) THEN
        RAISE EXCEPTION 'the data of this patient is kept, not used' USING ERRCODE = 'TR018';
    END IF;
END $$;
CREATE FUNCTION telemed_refuse_of_patient() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND telemed_sealed_anew(to_jsonb(OLD), to_jsonb(NEW)) THEN
        RETURN NEW;
    END IF;
    PERFORM telemed_kept_not_used(NEW.patient_id);
    RETURN NEW;
END $$;
CREATE FUNCTION telemed_refuse_patient() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND telemed_sealed_anew(to_jsonb(OLD), to_jsonb(NEW)) THEN
        RETURN NEW;
    END IF;
    PERFORM telemed_kept_not_used(NEW.id);
    RETURN NEW;
END $$;
CREATE TRIGGER kept_not_used BEFORE UPDATE OF name, birth_date, sex, address, emergency_contact, own_address, allergies_asked_at
    ON patients_patient FOR EACH ROW EXECUTE FUNCTION telemed_refuse_patient();
CREATE TRIGGER kept_not_used BEFORE INSERT OR UPDATE ON patients_allergy
    FOR EACH ROW EXECUTE FUNCTION telemed_refuse_of_patient();
CREATE TRIGGER kept_not_used BEFORE INSERT OR UPDATE ON patients_condition
    FOR EACH ROW EXECUTE FUNCTION telemed_refuse_of_patient();
CREATE TRIGGER kept_not_used BEFORE INSERT OR UPDATE ON patients_label
    FOR EACH ROW EXECUTE FUNCTION telemed_refuse_of_patient();
CREATE TRIGGER kept_not_used BEFORE INSERT ON patients_grant
    FOR EACH ROW EXECUTE FUNCTION telemed_refuse_of_patient();
CREATE TRIGGER kept_not_used BEFORE INSERT ON patients_proxy
    FOR EACH ROW EXECUTE FUNCTION telemed_refuse_of_patient();
CREATE TRIGGER kept_not_used BEFORE INSERT ON patients_invitation
    FOR EACH ROW EXECUTE FUNCTION telemed_refuse_of_patient();
"""
UNGUARD = """
DROP TRIGGER kept_not_used ON patients_invitation;
DROP TRIGGER kept_not_used ON patients_proxy;
DROP TRIGGER kept_not_used ON patients_grant;
DROP TRIGGER kept_not_used ON patients_label;
DROP TRIGGER kept_not_used ON patients_condition;
DROP TRIGGER kept_not_used ON patients_allergy;
DROP TRIGGER kept_not_used ON patients_patient;
DROP FUNCTION telemed_refuse_patient();
DROP FUNCTION telemed_refuse_of_patient();
DROP FUNCTION telemed_kept_not_used(uuid);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0006_keys"),
        ("patients", "0004_emergency_and_labels"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="PrivacyRequest",
            fields=[
                (
                    "id",
                    models.UUIDField(default=telemed.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("access", "A copy of the data"),
                            ("amendment", "A correction"),
                            ("restriction", "Keep the data, but stop using it"),
                            ("objection", "Leave me out of statistics"),
                            ("erasure", "Delete the data"),
                            ("concern", "Something looks wrong"),
                            ("disclosures", "A list of who was given data"),
                        ],
                        max_length=12,
                        verbose_name="what",
                    ),
                ),
                ("about", models.CharField(blank=True, max_length=80)),
                ("words", telemed.core.fields.EncryptedTextField(subject="patient_id")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("received", "we are looking at it"),
                            ("proposed", "a second person checks the answer"),
                            ("granted", "done"),
                            ("refused", "not done"),
                            ("withdrawn", "taken back"),
                        ],
                        default="received",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("rule", models.CharField(max_length=60)),
                ("received_at", models.DateTimeField(verbose_name="received")),
                ("due_at", models.DateTimeField(verbose_name="answer before")),
                ("extended_at", models.DateTimeField(null=True)),
                ("extension", telemed.core.fields.EncryptedTextField(null=True, subject="patient_id")),
                ("warned_at", models.DateTimeField(null=True)),
                ("late_at", models.DateTimeField(null=True)),
                ("answered_at", models.DateTimeField(null=True, verbose_name="answered")),
                ("decision", telemed.core.fields.EncryptedTextField(null=True, subject="patient_id")),
                ("disagreed_at", models.DateTimeField(null=True)),
                ("disagreement", telemed.core.fields.EncryptedTextField(null=True, subject="patient_id")),
                (
                    "asked_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="requests", to="patients.patient"
                    ),
                ),
                (
                    "proposed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "privacy request",
                "verbose_name_plural": "privacy requests",
            },
        ),
        migrations.CreateModel(
            name="Limit",
            fields=[
                (
                    "id",
                    models.UUIDField(default=telemed.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("restricted", "kept, not used"),
                            ("statistics", "not in statistics"),
                            ("hold", "legal hold: nothing is deleted"),
                            ("erased", "deleted, but for what the law keeps"),
                        ],
                        max_length=10,
                    ),
                ),
                ("reason", telemed.core.fields.EncryptedTextField(subject="patient_id")),
                ("since", models.DateTimeField()),
                ("kept", telemed.core.fields.EncryptedJSONField(null=True, subject="patient_id")),
                ("until", models.DateTimeField(null=True)),
                ("shredded_at", models.DateTimeField(null=True)),
                ("lifted_at", models.DateTimeField(null=True)),
                (
                    "lifted_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="limits", to="patients.patient"
                    ),
                ),
                (
                    "set_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "request",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="limits",
                        to="patients.privacyrequest",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Addendum",
            fields=[
                (
                    "id",
                    models.UUIDField(default=telemed.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("about", models.CharField(db_index=True, max_length=80)),
                ("words", telemed.core.fields.EncryptedTextField(subject="patient_id")),
                ("added_at", models.DateTimeField()),
                (
                    "added_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="addenda", to="patients.patient"
                    ),
                ),
                (
                    "request",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="addendum",
                        to="patients.privacyrequest",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "addenda",
            },
        ),
        migrations.CreateModel(
            name="RequestMessage",
            fields=[
                (
                    "id",
                    models.UUIDField(default=telemed.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("written_at", models.DateTimeField()),
                ("words", telemed.core.fields.EncryptedTextField(subject="patient_id")),
                (
                    "patient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="patients.patient"
                    ),
                ),
                (
                    "request",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="messages",
                        to="patients.privacyrequest",
                    ),
                ),
                (
                    "written_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "ordering": ("written_at", "pk"),
            },
        ),
        migrations.AddIndex(
            model_name="privacyrequest",
            index=models.Index(
                condition=models.Q(("state__in", ["received", "proposed"])), fields=["due_at"], name="request_due"
            ),
        ),
        migrations.AddIndex(
            model_name="privacyrequest",
            index=models.Index(fields=["patient", "-received_at"], name="request_of_patient"),
        ),
        migrations.AddConstraint(
            model_name="privacyrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state__in", ["granted", "refused"]), _negated=True),
                    models.Q(
                        ("answered_at__isnull", False), ("decided_by__isnull", False), ("decision__isnull", False)
                    ),
                    _connector="OR",
                ),
                name="request_answered_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="privacyrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "erasure"), ("state", "granted"), _negated=True),
                    models.Q(
                        ("proposed_by__isnull", False), models.Q(("proposed_by", models.F("decided_by")), _negated=True)
                    ),
                    _connector="OR",
                ),
                name="request_erasure_by_two",
            ),
        ),
        migrations.AddConstraint(
            model_name="privacyrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("extended_at", None), ("extension__isnull", True)),
                    models.Q(("extended_at__isnull", False), ("extension__isnull", False)),
                    _connector="OR",
                ),
                name="request_extended_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="privacyrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("disagreed_at", None), ("disagreement__isnull", True)),
                    models.Q(("disagreement__isnull", False), ("kind", "amendment"), ("state", "refused")),
                    _connector="OR",
                ),
                name="request_disagreed_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="limit",
            constraint=models.UniqueConstraint(
                condition=models.Q(("lifted_at", None)), fields=("patient", "kind"), name="limit_standing_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="limit",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("lifted_at", None), ("lifted_by", None)),
                    models.Q(("lifted_at__isnull", False), ("lifted_by__isnull", False)),
                    _connector="OR",
                ),
                name="limit_lifted_by",
            ),
        ),
        migrations.AddConstraint(
            model_name="limit",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "erased"), ("lifted_at", None), ("until__isnull", False)),
                    models.Q(
                        models.Q(("kind", "erased"), _negated=True),
                        ("kept__isnull", True),
                        ("shredded_at", None),
                        ("until", None),
                    ),
                    _connector="OR",
                ),
                name="limit_erased_until",
            ),
        ),
        migrations.RunSQL(GUARD, UNGUARD),
    ]
