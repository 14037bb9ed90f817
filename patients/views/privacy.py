"""Privacy of one's record: what data is used for and what was agreed to, and who outside was given some."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from patients import queries
from patients.access import record_of
from patients.actions import consents, papers
from patients.data import purposes
from patients.data.purposes import Asks, Basis, NoBasis, Purpose
from patients.models import Consent, ConsentText, Disclosure, Limit, Patient
from telemed.accounts.clinics import the_clinic
from telemed.accounts.context import me
from telemed.accounts.fresh import fresh
from telemed.core import audit, clock
from telemed.core.problems import Refusal


@dataclass(frozen=True)
class Decision:
    """One line of the history of a purpose."""

    at: datetime
    yes: bool
    by: str
    where: str = ""
    text: ConsentText | None = None


@dataclass(frozen=True)
class Use:
    """A purpose as the patient reads it: why it is lawful, whether it is on, and what was decided about it."""

    purpose: Purpose
    bases: list[Basis]
    on: bool
    text: ConsentText | None
    decisions: list[Decision]

    @property
    def decides(self) -> bool:
        return self.purpose.asks != Asks.NOTHING


@require_http_methods(["GET", "POST"])
@transaction.atomic
def privacy(request: HttpRequest, patient_id: UUID | None = None) -> HttpResponse:
    """What the data is used for. One press changes it, either way."""
    patient, user = record_of(request, patient_id), me(request)
    own = patient.user_id == user.pk
    decides = Patient.objects.managed_by(user).filter(pk=patient.pk).exists()
    if request.method == "POST":
        if not decides:
            raise Http404
        _decide(request, patient)
        return redirect(_address("privacy", patient, own=own) + f"#{request.POST.get('purpose', '')[:20]}")
    audit.record("read", "patients.consents", patient.pk, by=user, patient_id=patient.pk, purpose="PATRQT")
    context = {
        "patient": patient, "own": own, "decides": decides, "uses": _uses(patient, str(request.LANGUAGE_CODE)), "section": "account",
        "proof_url": _address("consent-proof", patient, own=own), "seen_url": _address("sharing", patient, own=own),
        "disclosures_url": _address("disclosures", patient, own=own),
    }  # fmt: skip
    return render(request, "patients/privacy/page.html", context)


@require_GET
@fresh
def proof(request: HttpRequest, patient_id: UUID | None = None) -> HttpResponse:
    """The ledger as a document."""
    patient, user = record_of(request, patient_id), me(request)
    document = papers.proof_pdf(patient, clinic=the_clinic(), language=str(request.LANGUAGE_CODE))
    audit.record("export", "patients.consents", patient.pk, by=user, patient_id=patient.pk, purpose="PATRQT")
    return _file(document, "application/pdf", f"consents-{patient.number}.pdf")


@require_GET
@transaction.atomic
def disclosures(request: HttpRequest, patient_id: UUID | None = None) -> HttpResponse:
    """Who outside was given data of this record."""
    patient, user = record_of(request, patient_id), me(request)
    rows, now, own = Disclosure.objects.for_user(user).filter(patient=patient), clock.now(), patient.user_id == user.pk
    counted = list(queries.accounting(rows, now))
    audit.record("read", "patients.disclosures", patient.pk, by=user, patient_id=patient.pk, purpose="PATRQT")
    context = {
        "patient": patient, "own": own, "counted": counted, "section": "account", "now": now,
        "others": rows.exclude(pk__in=[row.pk for row in counted]).order_by("-at", "-pk")[:100],
        "seen_url": _address("sharing", patient, own=own),
        "files": [(label, _address("disclosures-file", patient, own=own, form=form)) for form, label in (("pdf", "PDF"), ("csv", "CSV"))],
    }  # fmt: skip
    return render(request, "patients/privacy/disclosures.html", context)


@require_GET
@fresh
def disclosures_file(request: HttpRequest, form: str, patient_id: UUID | None = None) -> HttpResponse:
    """The account of six years as a document or a table."""
    if form not in ("pdf", "csv"):
        raise Http404
    patient, user, now = record_of(request, patient_id), me(request), clock.now()
    language, name = str(request.LANGUAGE_CODE), f"disclosures-{patient.number}.{form}"
    audit.record(
        "export", "patients.disclosures", patient.pk, by=user, patient_id=patient.pk, purpose="PATRQT", outcome=form
    )
    if form == "pdf":
        return _file(
            papers.account_pdf(patient, clinic=the_clinic(), language=language, now=now), "application/pdf", name
        )
    return _file(papers.account_csv(patient, language=language, now=now), "text/csv; charset=utf-8", name)


def _decide(request: HttpRequest, patient: Patient) -> None:
    purpose, by, now = request.POST.get("purpose", ""), me(request), clock.now()
    try:
        if request.POST.get("do") == "yes":
            consents.say_yes(patient, purpose, language=str(request.LANGUAGE_CODE), by=by, now=now)
            messages.success(request, _("Noted. It holds from now on."))
        else:
            consents.say_no(patient, purpose, by=by, now=now)
            messages.success(request, _("Taken back. It has stopped."))
    except NoBasis as error:
        raise Http404 from error
    except Refusal as refusal:
        messages.warning(request, str(refusal))


def _uses(patient: Patient, language: str) -> list[Use]:
    now, countries = clock.now(), queries.countries_of(patient)
    rows = list(Consent.objects.filter(patient=patient).select_related("text").order_by("given_at"))
    limits = list(Limit.objects.filter(patient=patient).order_by("since"))
    ids = {pk for row in rows for pk in (row.given_by_id, row.withdrawn_by_id)} | {
        pk for row in limits for pk in (row.set_by_id, row.lifted_by_id)
    }
    names = queries.names_of(pk for pk in ids if pk)
    found = []
    for purpose in purposes.PURPOSES:
        bases = [purposes.basis(purpose.code, country, now.date()) for country in sorted(countries)]
        text = consents.wording(purpose.code, language) if purpose.asks == Asks.CONSENT else None
        decided = [*_of_consents(rows, purpose.code, names), *_of_limits(limits, purpose.code, names)]
        on = consents.allowed(patient, purpose.code, now=now)
        lines = sorted(decided, key=lambda row: row.at, reverse=True)
        found.append(Use(purpose, list(dict.fromkeys(bases)), on, text, lines))
    return found


def _of_consents(rows: list[Consent], purpose: str, names: dict[UUID, str]) -> Iterable[Decision]:
    for row in rows:
        if row.text.purpose == purpose:
            where = str(row.get_channel_display())
            yield Decision(row.given_at, True, names.get(row.given_by_id, ""), where, row.text)
            if row.withdrawn_at:
                yield Decision(
                    row.withdrawn_at, False, names.get(row.withdrawn_by_id, "") if row.withdrawn_by_id else ""
                )


def _of_limits(rows: list[Limit], purpose: str, names: dict[UUID, str]) -> Iterable[Decision]:
    for row in rows:
        if row.kind == consents.OBJECTIONS.get(purpose):
            yield Decision(row.since, False, names.get(row.set_by_id, ""))
            if row.lifted_at:
                yield Decision(row.lifted_at, True, names.get(row.lifted_by_id, "") if row.lifted_by_id else "")


def _file(body: bytes | str, kind: str, name: str) -> HttpResponse:
    return HttpResponse(body, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _address(name: str, patient: Patient, *, own: bool, **parts: Any) -> str:
    """The page about one's own record, or about somebody else's."""
    if own:
        return reverse(f"patients:{name}", kwargs=parts)
    return reverse(f"patients:their-{name}", kwargs={"patient_id": patient.pk, **parts})
