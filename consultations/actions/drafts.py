"""A prescription while it is written. Nothing enters it that the dictionary does not know, and nothing that a serious
check speaks against without a reason that stays with the line."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from consultations import data, safety
from consultations.models import Consultation, Medicine, Prescription, PrescriptionItem, Product
from consultations.states import PrescriptionState
from patients.models import Allergy, Patient
from telemed.accounts.models import User
from telemed.core import audit
from telemed.core.ids import code
from telemed.core.problems import Refusal

MOST_ITEMS = 20


class UnknownMedicine(Refusal):
    code = "unknown_medicine"
    sentence = _("This medicine is not in the dictionary, so nothing can be checked. Choose one from the list.")
    status = 422


class Unsafe(Refusal):
    """Serious concerns that nobody answered. Choose another medicine, or say why this one is right."""

    code = "unsafe"
    sentence = _("This is not safe without a reason. Choose another medicine, or say why this one is right.")

    def __init__(self, concerns: list[safety.Concern]) -> None:
        super().__init__()
        self.concerns = concerns


class Stale(Refusal):
    code = "stale"
    sentence = _("This prescription was changed in another window. Look at it again and repeat your change.")


class NotDraft(Refusal):
    code = "not_draft"
    sentence = _("This prescription is signed. It can be cancelled, not changed.")


class TooMany(Refusal):
    code = "too_many"
    sentence = _("A prescription holds 20 medicines at most. Write a second one.")


@dataclass(frozen=True)
class Reviewed:
    """A line of the prescription and what the checks say about it now."""

    item: PrescriptionItem
    concerns: list[safety.Concern]

    @property
    def unanswered(self) -> list[safety.Concern]:
        """The serious concerns that the doctor gave no reason for."""
        answered = (self.item.dose["override"] or {}).get("keys", [])
        return [row for row in self.concerns if row.level == safety.SERIOUS and row.key not in answered]


def knowledge() -> safety.Knowledge:
    rows = Medicine.objects.only("code", "name", "atc", "synonyms", "brands", "allergens")
    return safety.Knowledge(data.table("allergies"), [_substance(row) for row in rows])


def stated(patient: Patient) -> list[safety.Stated]:
    rows = Allergy.objects.filter(patient=patient, ended_at=None).order_by("recorded_at")
    return [safety.Stated(row.substance, row.reaction) for row in rows]


@transaction.atomic
def start(room: Consultation, *, by: User, now: datetime) -> Prescription:
    """The draft of this visit; a new one when there is none."""
    Consultation.objects.select_for_update().get(pk=room.pk)  # two windows begin one draft
    found = room.prescriptions.drafts().first()
    if found:
        return found
    appointment = room.appointment
    draft = Prescription.objects.create(
        consultation=room, patient=appointment.patient, doctor=appointment.doctor, reference=f"RX-{code(8)}", advice="",
        created_at=now, updated_at=now,
    )  # fmt: skip
    audit.record("create", "consultations.prescription", draft.pk, by=by, patient_id=draft.patient_id)
    return draft


@transaction.atomic
def add(draft: Prescription, product: Product | None, *, reason: str = "", by: User, now: datetime) -> PrescriptionItem:
    """Put a medicine on the draft. Raises UnknownMedicine, TooMany, NotDraft, or Unsafe when no reason is given."""
    if product is None:
        raise UnknownMedicine
    _lock(draft)
    items = list(draft.items.all())
    if len(items) >= MOST_ITEMS:
        raise TooMany
    found = concerns(product, items, patient=draft.patient, knows=knowledge())
    serious = [row for row in found if row.level == safety.SERIOUS]
    if serious and not reason:
        raise Unsafe(serious)
    dose = {**_first_dose(product), "concerns": [], "override": _override(serious, reason)}
    _touch(draft, by=by, now=now)
    position = (draft.items.aggregate(last=Max("position"))["last"] or 0) + 1
    return PrescriptionItem.objects.create(
        prescription=draft, patient_id=draft.patient_id, position=position, dose=dose
    )


@transaction.atomic
def save(
    draft: Prescription, *, advice: str, doses: dict[UUID, dict[str, Any]], reasons: dict[UUID, str], revision: int, by: User, now: datetime
) -> None:  # fmt: skip
    """Keep what was written over ``revision``. ``reasons`` answer the serious concerns of a line. Raises Stale, NotDraft."""
    reviewed = {row.item.pk: row for row in review(draft)}
    changed = [row.item for row in reviewed.values() if _write(row, doses, reasons)]
    if not changed and advice == draft.advice:
        return
    _lock(draft, revision)
    _touch(draft, by=by, now=now, advice=advice)
    for item in changed:
        item.save(update_fields=["dose"])


@transaction.atomic
def remove(draft: Prescription, item_id: UUID, *, by: User, now: datetime) -> None:
    _lock(draft)
    _touch(draft, by=by, now=now)
    draft.items.filter(pk=item_id).delete()


@transaction.atomic
def discard(draft: Prescription, *, by: User) -> None:
    """Throw the draft away. A signed prescription is never deleted."""
    row = Prescription.objects.select_for_update().drafts().filter(pk=draft.pk).first()
    if row is None:
        raise NotDraft
    audit.record("delete", "consultations.prescription", row.pk, by=by, patient_id=row.patient_id)
    row.delete()


def review(prescription: Prescription) -> list[Reviewed]:
    """Every line with what speaks against it now, each looked at beside the ones above it."""
    items, knows = list(prescription.items.all()), knowledge()
    known = {substance.code: substance for substance in knows.substances}
    allergies, rows = stated(prescription.patient), []
    above: list[safety.Line] = []
    for item in items:
        line = _line(item.dose, known)
        found = safety.concerns(line, allergies=allergies, others=above, knowledge=knows) if line else []
        rows.append(Reviewed(item, found))
        above += [line] if line else []
    return rows


def concerns(
    product: Product, items: Iterable[PrescriptionItem], *, patient: Patient, knows: safety.Knowledge
) -> list[safety.Concern]:
    """What speaks against ``product`` beside ``items``."""
    known = {substance.code: substance for substance in knows.substances}
    new = safety.Line(_substance(product.medicine), product.form, product.strength)
    others = [line for item in items if (line := _line(item.dose, known))]
    return safety.concerns(new, allergies=stated(patient), others=others, knowledge=knows)


def _lock(draft: Prescription, revision: int | None = None) -> None:
    """Nobody else changes the draft now. Raises NotDraft, or Stale when it is not at ``revision``."""
    row = Prescription.objects.select_for_update().get(pk=draft.pk)
    if row.state != PrescriptionState.DRAFT:
        raise NotDraft
    if revision is not None and row.revision != revision:
        raise Stale
    draft.revision = row.revision


def _touch(draft: Prescription, *, by: User, now: datetime, **facts: Any) -> None:
    for name, value in {**facts, "revision": draft.revision + 1, "updated_at": now}.items():
        setattr(draft, name, value)
    draft.save(update_fields=[*facts, "revision", "updated_at"])
    audit.record("update", "consultations.prescription", draft.pk, by=by, patient_id=draft.patient_id)


def _write(row: Reviewed, doses: dict[UUID, dict[str, Any]], reasons: dict[UUID, str]) -> bool:
    """Put what was typed into the line. Returns whether anything changed."""
    before, reason = row.item.dose, reasons.get(row.item.pk, "")
    dose = {**before, **doses.get(row.item.pk, {})}
    if reason and row.unanswered:
        serious = [concern for concern in row.concerns if concern.level == safety.SERIOUS]
        dose["override"] = _override(serious, reason)
    row.item.dose = dose
    return bool(dose != before)


def _override(serious: list[safety.Concern], reason: str) -> dict[str, Any] | None:
    return {"reason": reason, "keys": [row.key for row in serious]} if serious else None


def _first_dose(product: Product) -> dict[str, Any]:
    medicine = product.medicine
    return {
        "medicine": medicine.code, "name": medicine.name, "group": medicine.group, "form": product.form, "strength": product.strength,
        "amount": "1", "unit": product.unit, "route": product.routes[0], "frequency": "", "days": "", "as_needed": False, "reason": "",
        "most": "", "note": "", "quantity": "1" if product.supply in ("inhaler", "bottle", "tube", "pen") else "", "supply": product.supply,
    }  # fmt: skip


def _substance(row: Medicine) -> safety.Substance:
    return safety.Substance(row.code, row.name, row.atc, (*row.synonyms, *row.brands), frozenset(row.allergens))


def _line(dose: dict[str, Any], known: dict[str, safety.Substance]) -> safety.Line | None:
    """None for a medicine that has left the dictionary: it cannot be signed (``prescribing.obstacles``)."""
    substance = known.get(dose["medicine"])
    return safety.Line(substance, dose["form"], dose["strength"]) if substance else None
