"""Writing a prescription: a form that works without script and is saved as one goes; signing it; cancelling it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from consultations import wording
from consultations.actions import drafts, paper, prescribing
from consultations.forms import CancelForm, DoseForm
from consultations.models import ClinicalNote, Consultation, Medicine, Prescription, PrescriptionItem, Product
from consultations.states import PrescriptionState
from consultations.views import desk
from consultations.views.clinic import practice
from telemed.accounts import kept
from telemed.accounts.context import me
from telemed.core import audit, clock
from telemed.core.problems import Refusal

PARTS = ("amount", "route", "frequency", "days", "as_needed", "reason", "most", "quantity", "note")
LONGEST_ADVICE = 4000


@dataclass(frozen=True)
class Row:
    """A line of the builder: its form, what it says, and what the checks say about it."""

    reviewed: drafts.Reviewed
    form: DoseForm

    @property
    def item(self) -> PrescriptionItem:
        return self.reviewed.item

    @property
    def line(self) -> wording.Line:
        return wording.line(self.item.dose)

    @property
    def unit(self) -> Any:
        return wording.UNITS[self.item.dose["unit"]] % 2

    @property
    def supply(self) -> Any:
        return wording.UNITS[self.item.dose["supply"]] % 2


@require_http_methods(["GET", "POST"])
@transaction.atomic
def new(request: HttpRequest) -> HttpResponse:
    """The first step towards a prescription. Looking writes nothing; the draft begins with the first change."""
    try:
        room = desk.led(request, UUID(request.GET.get("visit", "")))
    except ValueError as error:
        raise Http404 from error
    found = room.prescriptions.drafts().first()
    if request.method == "POST":
        return _work(request, found or drafts.start(room, by=me(request), now=clock.now()))
    if found:
        return desk.go(request, "consultations:prescription-edit", found.pk)
    return _page(request, _unsaved(room))


@require_http_methods(["GET", "POST"])
@transaction.atomic
def edit(request: HttpRequest, prescription_id: UUID) -> HttpResponse:
    draft = _mine(request, prescription_id)
    if draft.state != PrescriptionState.DRAFT:
        return desk.go(request, "consultations:prescription", draft.pk)
    if request.method == "POST":
        return _work(request, draft)
    audit.record("read", "consultations.prescription", draft.pk, by=me(request), patient_id=draft.patient_id)
    typed = kept.take(request)  # what was sent when the session had ended
    return _page(request, draft, rows=_rows(draft, typed=typed), advice=typed.get("advice", draft.advice))


@require_http_methods(["GET", "POST"])
def sign(request: HttpRequest, prescription_id: UUID) -> HttpResponse:
    """Show once more what will be signed, then sign it. A second click finds it signed and changes nothing."""
    draft = _mine(request, prescription_id)
    if draft.state != PrescriptionState.DRAFT:
        return desk.go(request, "consultations:prescription", draft.pk)
    if request.method == "POST":
        try:
            prescribing.sign(draft, revision=desk.revision(request), by=me(request), now=clock.now())
        except drafts.NotDraft:
            return desk.go(request, "consultations:prescription", draft.pk)
        except Refusal as refusal:
            messages.warning(request, str(refusal))
            return desk.go(request, "consultations:prescription-edit", draft.pk)
        messages.success(request, _("The prescription is signed. The patient has it now."))
        return desk.go(request, "consultations:prescription", draft.pk)
    with transaction.atomic():
        audit.record("read", "consultations.prescription", draft.pk, by=me(request), patient_id=draft.patient_id)
        return desk.page(
            request, "consultations/prescriptions/sign.html", _context(request, draft, drafts.review(draft))
        )


@require_http_methods(["GET", "POST"])
@transaction.atomic
def cancel(request: HttpRequest, prescription_id: UUID) -> HttpResponse:
    prescription = _mine(request, prescription_id)
    if prescription.state == PrescriptionState.DRAFT:
        raise Http404
    form = CancelForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        reason = form.cleaned_data["reason"]
        try:
            prescribing.cancel(prescription, reason=reason, by=me(request), now=clock.now())
        except prescribing.NotSigned as refusal:
            messages.warning(request, str(refusal))
        else:
            messages.success(request, _("The prescription is cancelled. Whoever checks it is told so."))
        return desk.go(request, "consultations:prescription", prescription.pk)
    context = {"section": "prescriptions", "doctor": prescription.doctor, "prescription": prescription, "form": form}
    return desk.page(request, "consultations/prescriptions/cancel.html", context, 422 if form.errors else 200)


@require_GET
@transaction.atomic
def listed(request: HttpRequest) -> HttpResponse:
    """This doctor's drafts and signed prescriptions, of the charts that are open."""
    doctor = practice(request)
    rows = Prescription.objects.written_by(request.user).select_related("patient", "consultation__appointment")
    audit.record("search", "consultations.prescription", by=me(request))
    context = {
        "doctor": doctor, "section": "prescriptions", "today": clock.now().astimezone(clock.zone(doctor.clinic.time_zone)).date(),
        "drafts": rows.drafts().order_by("-updated_at")[:50],
        "signed": rows.exclude(state=PrescriptionState.DRAFT).order_by("-signed_at")[:100],
    }  # fmt: skip
    return desk.page(request, "consultations/prescriptions/list.html", context)


def _work(request: HttpRequest, draft: Prescription) -> HttpResponse:
    """Keep what was typed, then do what the button says."""
    rows = _rows(draft, request)
    if not all(row.form.is_valid() for row in rows if row.form.is_bound):
        return _page(request, draft, rows=rows, status=422)
    try:
        with transaction.atomic():
            _save(request, draft, rows)
    except drafts.Stale as refusal:
        return _page(request, draft, rows=rows, refusal=refusal, status=409)
    try:
        with transaction.atomic():
            return _do(request, draft)
    except drafts.Unsafe as refusal:
        product = _product(request)
        return _page(request, draft, refused=product, concerns=refusal.concerns, status=422)
    except (drafts.UnknownMedicine, drafts.TooMany) as refusal:
        return _page(request, draft, refusal=refusal, status=refusal.status)


def _save(request: HttpRequest, draft: Prescription, rows: list[Row]) -> None:
    revision = desk.revision(request)
    drafts.save(
        draft,
        advice=_text(request, "advice", LONGEST_ADVICE),
        doses={row.item.pk: _dose(row) for row in rows if row.form.is_bound},
        reasons={row.item.pk: row.form.cleaned_data["because"] for row in rows if row.form.is_bound},
        revision=draft.revision if revision < 0 else revision,
        by=me(request),
        now=clock.now(),
    )


def _do(request: HttpRequest, draft: Prescription) -> HttpResponse:
    pressed, by, now = request.POST, me(request), clock.now()
    wanted = pressed.get("wanted", "").strip()
    if "find" in pressed or ("save" in pressed and wanted):  # Enter presses the first button of a form
        return _page(request, draft, wanted=wanted, found=Medicine.objects.find(wanted), searched=True)
    if "discard" in pressed:
        drafts.discard(draft, by=by)
        return desk.go(request, "consultations:clinic-visit", draft.consultation.appointment_id)
    if pressed.get("add"):
        item = drafts.add(draft, _product(request), reason=_text(request, "because", 200), by=by, now=now)
        return desk.go(request, "consultations:prescription-edit", draft.pk, part=f"item-{item.pk.hex}")
    if gone := pressed.get("remove"):
        for item_id in [item.pk for item in draft.items.all() if str(item.pk) == gone]:
            drafts.remove(draft, item_id, by=by, now=now)
    elif "sign" in pressed:
        return desk.go(request, "consultations:prescription-sign", draft.pk)
    return desk.go(request, "consultations:prescription-edit", draft.pk)


def _text(request: HttpRequest, name: str, longest: int) -> str:
    return request.POST.get(name, "").replace("\r\n", "\n").replace("\0", "").strip()[:longest]


def _product(request: HttpRequest) -> Product | None:
    return Medicine.objects.product(request.POST.get("add", ""))


def _dose(row: Row) -> dict[str, Any]:
    """What was typed; an empty supply, or one that was counted before, is counted again."""
    before, typed = row.item.dose, {name: row.form.cleaned_data[name] for name in PARTS}
    counted, count = wording.needed(before), wording.needed({**before, **typed})
    if typed["quantity"] in ("", str(counted)) and count is not None:
        typed["quantity"] = str(count)
    return typed


def _rows(draft: Prescription, request: HttpRequest | None = None, typed: dict[str, Any] | None = None) -> list[Row]:
    """The lines with their forms, bound to what ``request`` sends. A line that it does not mention keeps its own."""
    rows, reviewed = [], drafts.review(draft)
    medicines = {
        row.code: row for row in Medicine.objects.filter(code__in={row.item.dose["medicine"] for row in reviewed})
    }
    for line in reviewed:
        dose, prefix = line.item.dose, line.item.pk.hex
        sent = request.POST if request and f"{prefix}-amount" in request.POST else None
        initial = dose | {name: typed[key] for name in PARTS if typed and (key := f"{prefix}-{name}") in typed}
        rows.append(Row(line, DoseForm(sent, initial=initial, prefix=prefix, routes=_routes(dose, medicines))))
    return rows


def _routes(dose: dict[str, Any], medicines: dict[str, Medicine]) -> tuple[str, ...]:
    medicine = medicines.get(dose["medicine"])
    products = medicine.all_products() if medicine else []
    found = [row.routes for row in products if (row.form, row.strength) == (dose["form"], dose["strength"])]
    return found[0] if found else (dose["route"],)


def _mine(request: HttpRequest, prescription_id: UUID) -> Prescription:
    rows = Prescription.objects.written_by(request.user).select_related(
        "doctor__clinic", "patient__user", "consultation__appointment"
    )
    return get_object_or_404(rows, pk=prescription_id)


def _unsaved(room: Consultation) -> Prescription:
    now, appointment = clock.now(), room.appointment
    return Prescription(
        consultation=room,
        patient=appointment.patient,
        doctor=appointment.doctor,
        advice="",
        created_at=now,
        updated_at=now,
    )


def _context(request: HttpRequest, draft: Prescription, reviewed: list[drafts.Reviewed]) -> dict[str, Any]:
    now = clock.now()
    note = ClinicalNote.objects.filter(consultation=draft.consultation_id).first()
    return {
        **paper.preview(draft, diagnoses=note.diagnoses if note else [], now=now),
        "section": "prescriptions", "draft": draft, "appointment": draft.consultation.appointment, "now": now,
        "bar": desk.bar(request, draft.patient), "obstacles": prescribing.obstacles(draft, reviewed, clock.now()),
    }  # fmt: skip


def _page(
    request: HttpRequest, draft: Prescription, *, rows: list[Row] | None = None, status: int = 200, **more: Any
) -> HttpResponse:
    rows = rows if rows is not None else _rows(draft)
    context = {
        **_context(request, draft, [row.reviewed for row in rows]),
        "rows": rows,
        "advice": request.POST.get("advice", draft.advice),
        "saved": draft.items.exists() or draft.revision,
        **more,
    }
    return desk.page(request, "consultations/prescriptions/builder.html", context, status)
