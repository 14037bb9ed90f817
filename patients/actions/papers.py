"""What a patient takes along about their privacy: the account of disclosures, and the proof of what they agreed to."""

import csv
import hashlib
import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from patients import queries
from patients.data.disclosures import SIX_YEARS_BACK, named
from patients.models import Consent, Disclosure, Limit, Patient
from telemed.accounts.models import Clinic
from telemed.core import pdf

FORMULAS = ("=", "+", "-", "@", "\t", "\r")  # what a table program would run (OWASP, CSV injection)


def account_pdf(patient: Patient, *, clinic: Clinic, language: str, now: datetime) -> bytes:
    """The account of disclosures of six years (45 CFR 164.528)."""
    context = {
        "patient": patient, "clinic": clinic, "rows": _account(patient, now), "now": now, "since": SIX_YEARS_BACK.after(now),
    }  # fmt: skip
    return pdf.render("pdf/disclosures.html", context, language=language)


def account_csv(patient: Patient, *, language: str, now: datetime) -> str:
    out = io.StringIO()
    with override(language):
        table = csv.writer(out)
        table.writerow(
            [_("Date (UTC)"), _("Way"), _("Given to"), _("Address"), _("What was given"), _("Why"), _("Rule")]
        )
        for row in _account(patient, now):
            kind = named(row.kind)
            cells = [f"{row.at:%Y-%m-%d}", str(kind.words), row.recipient, row.address, row.what, row.why, kind.source]
            table.writerow([_harmless(cell) for cell in cells])
    return out.getvalue()


def proof_pdf(patient: Patient, *, clinic: Clinic, language: str) -> bytes:
    """Every decision of the ledger with its wording. The same ledger gives the same words, whenever it is drawn."""
    rows, limits = _ledger(patient)
    names = queries.names_of(pk for row in rows for pk in (row.given_by_id, row.withdrawn_by_id) if pk)
    context = {
        "patient": patient, "clinic": clinic, "limits": limits, "digest": digest(patient),
        "rows": [(row, names.get(row.given_by_id, ""), names.get(row.withdrawn_by_id or row.given_by_id, "")) for row in rows],
        "texts": sorted({row.text for row in rows}, key=lambda text: (text.purpose, text.version, text.language)),
    }  # fmt: skip
    with timezone.override(UTC):
        return pdf.render("pdf/consents.html", context, language=language)


def digest(patient: Patient) -> str:
    """SHA-256 over the ledger of a patient: ids, hashes of the wordings, times."""
    rows, limits = _ledger(patient)
    facts = [[str(row.pk), row.text.sha256, *_times(row.given_at, row.withdrawn_at), row.channel] for row in rows]
    facts += [[str(row.pk), row.kind, *_times(row.since, row.lifted_at)] for row in limits]
    return hashlib.sha256(json.dumps(facts, separators=(",", ":")).encode()).hexdigest()


def _account(patient: Patient, now: datetime) -> list[Disclosure]:
    return list(queries.accounting(Disclosure.objects.filter(patient=patient), now))


def _ledger(patient: Patient) -> tuple[list[Consent], list[Limit]]:
    rows = Consent.objects.filter(patient=patient).select_related("text").order_by("given_at", "pk")
    objections = Limit.objects.filter(patient=patient, kind__in=[Limit.Kind.REMINDERS, Limit.Kind.STATISTICS])
    return list(rows), list(objections.order_by("since", "pk"))


def _times(*moments: datetime | None) -> Iterable[str]:
    return [moment.isoformat() if moment else "" for moment in moments]


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULAS) else cell
