"""What the patient agreed to, in which words; and what stops when they take it back."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from patients import queries
from patients.actions import limits, sharing
from patients.data import purposes
from patients.data.purposes import Asks
from patients.models import Channel, Consent, ConsentText, Limit, Patient
from telemed.accounts.models import User
from telemed.core import audit, events
from telemed.core.problems import Refusal

TELEHEALTH, SHARING, REMINDERS, STATISTICS = "telehealth", "sharing", "reminders", "statistics"
OBJECTIONS = {REMINDERS: Limit.Kind.REMINDERS, STATISTICS: Limit.Kind.STATISTICS}


class ConsentMissing(Refusal):
    code = "consent_missing"
    sentence = _("Read and accept how video visits work here before you book.")


class NotGiven(Refusal):
    code = "consent_not_given"
    sentence = _("This does not stand any more. Reload the page to see what holds.")


class NotToDecide(Refusal):
    code = "not_to_decide"
    sentence = _("This belongs to your care, or a law asks for it. You can ask for a limit under Your rights.")


def wording(purpose: str, language: str) -> ConsentText:
    """The latest wording in this language, else in English."""
    return ConsentText.objects.latest_of(purpose, language)


def latest(purpose: str) -> QuerySet[ConsentText]:
    """The latest wording in each language: what somebody can agree to now."""
    newest = ConsentText.objects.filter(purpose=purpose).order_by("-version").values("version")[:1]
    return ConsentText.objects.filter(purpose=purpose, version=newest)


def given(patient: Patient, purpose: str) -> bool:
    """True when the patient accepted the latest version, in any language, and did not withdraw."""
    return Consent.objects.filter(patient=patient, text__in=latest(purpose), withdrawn_at=None).exists()


def taken_back(patient: Patient, purpose: str) -> bool:
    """True when the patient agreed once, in whichever wording, and lets none of it stand any more."""
    rows = Consent.objects.filter(patient=patient, text__purpose=purpose).values_list("withdrawn_at", flat=True)
    return bool(rows) and all(rows)


def allowed(patient: Patient, purpose: str, *, now: datetime) -> bool:
    """Whether the data of this patient may be used for ``purpose`` now. Whatever uses it asks here, each time. Raises NoBasis when no
    law of their clinics lets anybody."""
    row = purposes.purpose(purpose)
    for country in queries.countries_of(patient):
        purposes.basis(purpose, country, now.date())
    if row.asks == Asks.CONSENT:
        return given(patient, purpose)
    if row.asks == Asks.OBJECTION:
        return not Limit.objects.standing(OBJECTIONS[purpose]).filter(patient=patient).exists()
    return True


@transaction.atomic
def give(patient: Patient, text: ConsentText, *, by: User, now: datetime, channel: str = Channel.WEB) -> None:
    """Accept a wording. Accepting it twice changes nothing."""
    row = Consent(patient=patient, text=text, channel=channel, given_by=by, given_at=now)
    Consent.objects.bulk_create([row], ignore_conflicts=True)
    audit.record("consent", "patients.consent", text.pk, by=by, patient_id=patient.pk, purpose="PATRQT")


@transaction.atomic
def say_yes(patient: Patient, purpose: str, *, language: str, by: User, now: datetime) -> None:
    """Agree, or take an objection back. Raises NotToDecide."""
    match purposes.purpose(purpose).asks:
        case Asks.CONSENT:
            give(patient, wording(purpose, language), by=by, now=now)
        case Asks.OBJECTION:
            limits.end(patient, OBJECTIONS[purpose], by=by, now=now)
        case _:
            raise NotToDecide


@transaction.atomic
def say_no(patient: Patient, purpose: str, *, by: User, now: datetime) -> None:
    """Withdraw, or object. What it was for stops in this transaction. Raises NotGiven or NotToDecide."""
    match purposes.purpose(purpose).asks:
        case Asks.CONSENT:
            _withdraw(patient, purpose, by=by, now=now)
        case Asks.OBJECTION:
            limits.put(patient, OBJECTIONS[purpose], reason="", by=by, now=now)
        case _:
            raise NotToDecide


def _withdraw(patient: Patient, purpose: str, *, by: User, now: datetime) -> None:
    rows = Consent.objects.select_for_update().filter(patient=patient, text__purpose=purpose, withdrawn_at=None)
    standing = list(rows)
    if not standing:
        raise NotGiven
    Consent.objects.filter(pk__in=[row.pk for row in standing]).update(withdrawn_at=now, withdrawn_by=by)
    for row in standing:
        audit.record(
            "consent",
            "patients.consent",
            row.text_id,
            by=by,
            patient_id=patient.pk,
            purpose="PATRQT",
            outcome="withdrawn",
        )
    if purpose == SHARING:
        sharing.narrow(patient, by=by)
    events.publish("patients.consent.withdrawn", patient.pk, by=by.pk, now=now, data={"purpose": purpose})
