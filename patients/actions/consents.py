"""What the patient agreed to, in which words."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from patients.models import Consent, ConsentText, Patient
from telemed.accounts.models import User
from telemed.core import audit
from telemed.core.problems import Refusal

TELEHEALTH = "telehealth"


class ConsentMissing(Refusal):
    code = "consent_missing"
    sentence = _("Read and accept how video visits work here before you book.")


def wording(purpose: str, language: str) -> ConsentText:
    """The latest wording in this language, else in English."""
    texts = ConsentText.objects.filter(purpose=purpose).order_by("-version")
    return texts.filter(language=language).first() or texts.get(language="en", version=texts[0].version)


def given(patient: Patient, purpose: str) -> bool:
    """True when the patient accepted the latest version, in any language, and did not withdraw."""
    latest = ConsentText.objects.filter(purpose=purpose).order_by("-version").values("version")[:1]
    return Consent.objects.filter(
        patient=patient, text__purpose=purpose, text__version=latest, withdrawn_at=None
    ).exists()


@transaction.atomic
def give(patient: Patient, text: ConsentText, *, by: User, now: datetime) -> None:
    """Accept a wording. Accepting it twice changes nothing."""
    row = Consent(patient=patient, text=text, given_by=by, given_at=now)
    Consent.objects.bulk_create([row], ignore_conflicts=True)
    audit.record("consent", "patients.consent", text.pk, by=by, patient_id=patient.pk, purpose="PATRQT")
