"""The ledger of consents says more, what is given to others is written down, and both can only grow. What is encrypted may be sealed
again when keys change; its row, field and patient are part of the seal."""

import django.db.models.deletion
import telemed.core.fields
import telemed.core.ids
from django.conf import settings
from django.db import migrations, models

GUARD = """
CREATE TRIGGER disclosure_only_grows BEFORE DELETE OR UPDATE OF id, patient_id, kind, at, authorization_id, recorded_by_id, recorded_at
    ON patients_disclosure FOR EACH ROW EXECUTE FUNCTION telemed_forbid();
CREATE TRIGGER acknowledgement_only_grows BEFORE DELETE OR UPDATE
    ON patients_acknowledgement FOR EACH ROW EXECUTE FUNCTION telemed_forbid();
CREATE TRIGGER consent_text_only_grows BEFORE DELETE OR UPDATE
    ON patients_consenttext FOR EACH ROW EXECUTE FUNCTION telemed_forbid();
CREATE TRIGGER consent_only_grows BEFORE DELETE OR UPDATE OF id, patient_id, text_id, channel, given_at, given_by_id
    ON patients_consent FOR EACH ROW EXECUTE FUNCTION telemed_forbid();
CREATE TRIGGER consent_withdrawn_once BEFORE UPDATE ON patients_consent
    FOR EACH ROW WHEN (OLD.withdrawn_at IS NOT NULL) EXECUTE FUNCTION telemed_forbid();
"""
UNGUARD = """
DROP TRIGGER consent_withdrawn_once ON patients_consent;
DROP TRIGGER consent_only_grows ON patients_consent;
DROP TRIGGER consent_text_only_grows ON patients_consenttext;
DROP TRIGGER acknowledgement_only_grows ON patients_acknowledgement;
DROP TRIGGER disclosure_only_grows ON patients_disclosure;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0002_guards"),
        ("patients", "0006_export"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Acknowledgement",
            fields=[
                (
                    "id",
                    models.UUIDField(default=telemed.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Disclosure",
            fields=[
                (
                    "id",
                    models.UUIDField(default=telemed.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("treatment", "For treatment: another doctor, hospital or pharmacy"),
                            ("payment", "For payment: an insurer or a bank"),
                            ("operations", "For the work of the clinic: quality, accounts, advice"),
                            ("individual", "To the patient, or who acts for them"),
                            ("authorization", "The patient agreed in writing"),
                            ("involved", "To people who help with the care"),
                            ("limited", "A limited data set, without names"),
                            ("law", "A law requires it"),
                            ("public_health", "Public health authority"),
                            ("abuse", "Abuse, neglect or domestic violence"),
                            ("oversight", "Supervision of the health system"),
                            ("court", "Court or tribunal"),
                            ("police", "Police"),
                            ("research", "Research that was approved without asking each patient"),
                            ("danger", "A serious danger to somebody"),
                            ("compensation", "Accident at work"),
                            ("mistake", "By mistake, or stolen"),
                        ],
                        max_length=14,
                        verbose_name="way",
                    ),
                ),
                ("at", models.DateTimeField(verbose_name="given on")),
                ("recipient", telemed.core.fields.EncryptedTextField(subject="patient_id")),
                ("address", telemed.core.fields.EncryptedTextField(subject="patient_id")),
                ("what", telemed.core.fields.EncryptedTextField(subject="patient_id")),
                ("why", telemed.core.fields.EncryptedTextField(subject="patient_id")),
                ("recorded_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "disclosure",
                "verbose_name_plural": "disclosures",
            },
        ),
        migrations.AddField(
            model_name="consent",
            name="channel",
            field=models.CharField(
                choices=[
                    ("web", "on these pages"),
                    ("desk", "told to staff, who wrote it down"),
                ],
                default="web",
                max_length=4,
            ),
        ),
        migrations.AddField(
            model_name="consent",
            name="withdrawn_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AlterField(
            model_name="limit",
            name="kind",
            field=models.CharField(
                choices=[
                    ("restricted", "kept, not used"),
                    ("statistics", "not in statistics"),
                    ("reminders", "not reminded of visits"),
                    ("hold", "legal hold: nothing is deleted"),
                    ("erased", "deleted, but for what the law keeps"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="consent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("withdrawn_at", None), ("withdrawn_at__gte", models.F("given_at")), _connector="OR"
                ),
                name="consent_order",
            ),
        ),
        migrations.AddField(
            model_name="acknowledgement",
            name="text",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="patients.consenttext"),
        ),
        migrations.AddField(
            model_name="acknowledgement",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="acknowledgements",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="disclosure",
            name="authorization",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="disclosures",
                to="patients.consent",
            ),
        ),
        migrations.AddField(
            model_name="disclosure",
            name="patient",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="disclosures", to="patients.patient"
            ),
        ),
        migrations.AddField(
            model_name="disclosure",
            name="recorded_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddConstraint(
            model_name="acknowledgement",
            constraint=models.UniqueConstraint(fields=("user", "text"), name="acknowledged_once"),
        ),
        migrations.AddIndex(
            model_name="disclosure",
            index=models.Index(fields=["patient", "-at"], name="disclosure_of_patient"),
        ),
        migrations.AddConstraint(
            model_name="disclosure",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "authorization"), _negated=True),
                    ("authorization__isnull", False),
                    _connector="OR",
                ),
                name="disclosure_authorized",
            ),
        ),
        migrations.AddConstraint(
            model_name="disclosure",
            constraint=models.CheckConstraint(
                condition=models.Q(("at__lte", models.F("recorded_at"))), name="disclosure_happened"
            ),
        ),
        migrations.RunSQL(GUARD, UNGUARD),
    ]
