"""Every page that a browser can open, with who opens it: what must hold for all of them is asked of each row here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import psycopg
from playwright.sync_api import Page

from telemed.run import Stack

NOBODY, PATIENT, DOCTOR, STAFF = "", "Amira Osman", "Dr Lina Haddad", "Sam Okafor"
DESK, SUPPORT, PRIVACY = "Hana Idris", "Grace Bello", "Ines Duarte"
OFFICE = (STAFF, SUPPORT, PRIVACY)


@dataclass(frozen=True)
class Row:
    """``name`` as in the URLconf; ``path`` with {ids} of the demo; ``status`` that the page answers with."""

    name: str
    who: str
    path: str
    status: int = 200


ROWS = [
    Row("portals:front", NOBODY, "/"),
    Row("accounts:login", NOBODY, "/login/"),
    Row("accounts:signup", NOBODY, "/signup/"),
    Row("accounts:language", NOBODY, "/language/"),
    Row("portals:help", NOBODY, "/help/"),
    Row("portals:accessibility", NOBODY, "/accessibility/"),
    Row("portals:privacy", NOBODY, "/privacy/"),
    Row("portals:offline", NOBODY, "/offline/"),
    Row("consultations:discover", NOBODY, "/doctors/"),
    Row("consultations:discover", NOBODY, "/doctors/?q=nobody-has-this-name"),
    Row("consultations:doctor", NOBODY, "/doctors/{doctor}/"),
    Row("consultations:verify", NOBODY, "/rx/verify/"),
    Row("consultations:verify-code", NOBODY, "/rx/verify/0000-0000-0000-0000/", 404),
    Row("nothing", NOBODY, "/nothing-here/", 404),
    Row("demo:index", NOBODY, "/demo/"),
    Row("demo:components", NOBODY, "/demo/components/"),
    Row("portals:home", PATIENT, "/home/"),
    Row("portals:account", PATIENT, "/account/"),
    Row("portals:notifications", PATIENT, "/notifications/"),
    Row("accounts:security", PATIENT, "/account/security/"),
    Row("accounts:password", PATIENT, "/account/password/"),
    Row("accounts:email", PATIENT, "/account/email/"),
    Row("accounts:mobile", PATIENT, "/account/mobile/"),
    Row("accounts:passkey-new", PATIENT, "/account/passkeys/new/"),
    Row("accounts:authenticator", PATIENT, "/account/authenticator/"),
    Row("portals:helping", PATIENT, "/account/help/"),
    Row("accounts:sessions", PATIENT, "/account/sessions/"),
    Row("accounts:session-back", PATIENT, "/account/sessions/back/"),
    Row("patients:profile", PATIENT, "/account/profile/"),
    Row("patients:identity", PATIENT, "/account/identity/"),
    Row("patients:record", PATIENT, "/record/"),
    Row("patients:sharing", PATIENT, "/record/sharing/"),
    Row("patients:sharing", PATIENT, "/record/sharing/?kind=read&since=2026-11-01"),
    Row("patients:sharing", PATIENT, "/record/sharing/?since=tomorrow", 422),
    Row("patients:disclosures", PATIENT, "/record/disclosures/"),
    Row("patients:privacy", PATIENT, "/account/privacy/"),
    Row("patients:requests", PATIENT, "/account/requests/"),
    Row("patients:ask", PATIENT, "/account/requests/ask/?kind=erasure"),
    Row("patients:their-requests", PATIENT, "/family/{child}/requests/"),
    Row("patients:their-ask", PATIENT, "/family/{child}/requests/ask/?kind=amendment"),
    Row("patients:family", PATIENT, "/account/family/"),
    Row("patients:add-child", PATIENT, "/account/family/child/"),
    Row("patients:their-record", PATIENT, "/family/{child}/record/"),
    Row("patients:their-sharing", PATIENT, "/family/{child}/record/sharing/"),
    Row("records:data", PATIENT, "/account/data/"),
    Row("records:their-data", PATIENT, "/family/{child}/data/"),
    Row("patients:their-disclosures", PATIENT, "/family/{child}/disclosures/"),
    Row("patients:their-privacy", PATIENT, "/family/{child}/privacy/"),
    Row("patients:their-profile", PATIENT, "/family/{child}/profile/"),
    Row("patients:people", PATIENT, "/family/{child}/people/"),
    Row("patients:invite", PATIENT, "/family/{child}/invite/"),
    Row("consultations:discover", PATIENT, "/doctors/"),
    Row("consultations:visits", PATIENT, "/visits/"),
    Row("consultations:visit", PATIENT, "/visits/{held}/"),
    Row("consultations:room-after", PATIENT, "/visits/{held}/after/"),
    Row("consultations:threads", PATIENT, "/messages/"),
    Row("consultations:thread", PATIENT, "/messages/{thread}/"),
    Row("consultations:prescription", PATIENT, "/prescriptions/{prescription}/"),
    Row("billing:payments", PATIENT, "/payments/"),
    Row("portals:clinic", DOCTOR, "/clinic/"),
    Row("consultations:calendar", DOCTOR, "/clinic/calendar/"),
    Row("consultations:calendar", DOCTOR, "/clinic/calendar/?view=month"),
    Row("consultations:clinic-patients", DOCTOR, "/clinic/patients/"),
    Row("consultations:clinic-patient", DOCTOR, "/clinic/patients/{patient}/"),
    Row("consultations:clinic-visit", DOCTOR, "/clinic/visits/{held}/"),
    Row("consultations:clinic-visit", DOCTOR, "/clinic/visits/{coming}/"),
    Row("consultations:note", DOCTOR, "/clinic/visits/{held}/note/"),
    Row("consultations:note", DOCTOR, "/clinic/visits/{coming}/note/"),
    Row("consultations:prescription-new", DOCTOR, "/clinic/prescriptions/new/?visit={coming}"),
    Row("consultations:clinic-prescriptions", DOCTOR, "/clinic/prescriptions/"),
    Row("consultations:prescription", DOCTOR, "/prescriptions/{prescription}/"),
    Row("consultations:prescription-cancel", DOCTOR, "/clinic/prescriptions/{prescription}/cancel/"),
    Row("consultations:clinic-threads", DOCTOR, "/clinic/messages/"),
    Row("consultations:clinic-thread", DOCTOR, "/clinic/messages/{thread}/"),
    Row("consultations:label", DOCTOR, "/clinic/labels/visit/{held}/"),
    Row("consultations:desk", DESK, "/clinic/desk/"),
    Row("consultations:desk-book", DESK, "/clinic/desk/book/"),
    Row("consultations:desk-move", DESK, "/clinic/desk/visits/{coming}/move/"),
    Row("portals:account", DESK, "/account/"),
    Row("doctors:availability", DOCTOR, "/clinic/availability/"),
    Row("doctors:settings", DOCTOR, "/clinic/settings/"),
    Row("doctors:application", DOCTOR, "/clinic/apply/"),
    Row("doctors:licences", DOCTOR, "/clinic/licences/"),
    Row("billing:earnings", DOCTOR, "/clinic/earnings/"),
    Row("accounts:recovery", STAFF, "/account/recovery/"),
    Row("accounts:authenticator", STAFF, "/account/authenticator/"),
    Row("admin:index", STAFF, "/admin/"),
    Row("admin:dashboard", STAFF, "/admin/dashboard/"),
    Row("admin:roles", STAFF, "/admin/roles/"),
    Row("admin:approvals", STAFF, "/admin/approvals/"),
    Row("admin:approval-ask", STAFF, "/admin/approvals/ask/"),
    Row("admin:resets", SUPPORT, "/admin/second-steps/"),
    Row("admin:help", SUPPORT, "/admin/help/"),
    Row("admin:accounts_user_changelist", SUPPORT, "/admin/accounts/user/"),
    Row("admin:patients_patient_changelist", SUPPORT, "/admin/patients/patient/"),
    Row("admin:incidents", PRIVACY, "/admin/incidents/"),
    Row("admin:incident-new", PRIVACY, "/admin/incidents/new/"),
    Row("admin:locks", PRIVACY, "/admin/locks/"),
    Row("admin:emergencies", PRIVACY, "/admin/emergencies/"),
    Row("admin:requests", PRIVACY, "/admin/requests/"),
    Row("admin:deadlines", PRIVACY, "/admin/deadlines/"),
    Row("admin:disclosures", PRIVACY, "/admin/disclosures/"),
    Row("admin:approvals", PRIVACY, "/admin/approvals/"),
    Row("admin:roles", PRIVACY, "/admin/roles/"),
    Row("admin:verify", STAFF, "/admin/doctors/verify/"),
    Row("admin:decide", STAFF, "/admin/doctors/verify/{applicant}/"),
    Row("admin:identity", STAFF, "/admin/identity/"),
    Row("admin:identity-check", STAFF, "/admin/identity/{identity}/"),
    Row("admin:accounts_user_changelist", STAFF, "/admin/accounts/user/"),
    Row("admin:consultations_appointment_changelist", STAFF, "/admin/consultations/appointment/"),
    Row("admin:billing_payment_changelist", STAFF, "/admin/billing/payment/"),
    Row("admin:notifications_message_changelist", STAFF, "/admin/notifications/message/"),
    Row("admin:core_auditevent_changelist", STAFF, "/admin/core/auditevent/"),
    Row("admin:core_auditseal_changelist", PRIVACY, "/admin/core/auditseal/"),
]
PEOPLE = tuple(dict.fromkeys(row.who for row in ROWS))  # everybody who opens something
# Pages that only exist in the middle of something: the journey opens them and asks the same of each.
ON_THE_WAY = {
    "accounts:again", "accounts:code", "accounts:confirm", "accounts:contact-confirm", "accounts:enrol", "accounts:factor", "accounts:not-me", "accounts:passkey", "accounts:recovery-codes", "consultations:book",
    "consultations:book-reason", "consultations:book-who", "consultations:book-about", "consultations:book-share",
    "consultations:book-check", "patients:proxy", "patients:request", "admin:request", "admin:kept", "admin:kept-record", "patients:invitation", "patients:hand-over", "records:ready",
    "consultations:book-done", "consultations:visit-cancel", "consultations:visit-move", "consultations:room-check", "consultations:room-wait",
    "consultations:room-call", "consultations:clinic-room", "consultations:prescription-edit",
    "consultations:prescription-sign", "consultations:note-sign", "billing:pay", "billing:paid", "billing:demo-pay",
    "consultations:emergency", "consultations:emergency-chart", "doctors:desk-join", "doctors:apply-about", "doctors:apply-licences", "doctors:apply-education", "doctors:apply-documents",
    "doctors:apply-check",
}  # fmt: skip
# What a browser does not show as a page: answers to buttons, files, redirects, programs' addresses.
NO_PAGE = {
    "portals:acknowledge", "patients:disclosures-file", "patients:their-disclosures-file", "patients:consent-proof", "patients:their-consent-proof",
    "consultations:clinic-visit-cancel", "consultations:clinic-visit-hide", "consultations:visit-hide", "patients:hide",
    "consultations:emergency-close",
    "accounts:session-end", "accounts:sessions-end-others", "accounts:with", "accounts:with-back",
    "healthz", "readyz", "portals:start", "portals:service-worker", "portals:manifest", "portals:logo", "accounts:passkey-options", "accounts:passkey-sign-in", "accounts:resend", "accounts:logout",
    "accounts:preferences", "consultations:book-more-time", "consultations:book-release", "consultations:visit-calendar", "consultations:visit-summary",
    "consultations:prescription-pdf", "billing:receipt", "billing:earnings-csv", "billing:webhook", "demo:outbox-json",
    "demo:attachment", "demo:enter", "billing:demo-step", "doctors:document", "records:download", "patients:identity-provider", "patients:identity-return",
    "admin:kept-paper", "admin:deadline-delete",
}  # fmt: skip

IDS = """
SELECT json_build_object(
  'held', held.id, 'coming', coming.id, 'patient', held.patient_id, 'thread', room.id, 'prescription', rx.id,
  'doctor', doctor.slug, 'child', (SELECT id FROM patients_patient WHERE user_id IS NULL LIMIT 1),
  'applicant', (SELECT id FROM doctors_doctor WHERE state = 'applied' ORDER BY created_at LIMIT 1),
  'identity', (SELECT id FROM accounts_identitycheck ORDER BY sent_at LIMIT 1))
FROM consultations_prescription rx
JOIN consultations_consultation room ON room.id = rx.consultation_id
JOIN consultations_appointment held ON held.id = room.appointment_id
JOIN doctors_doctor doctor ON doctor.id = held.doctor_id
JOIN consultations_appointment coming ON coming.doctor_id = doctor.id AND coming.state = 'confirmed'
WHERE rx.state = 'signed' ORDER BY rx.created_at, coming.created_at LIMIT 1
"""


def ids(stack: Stack) -> Mapping[str, str]:
    """What the demo's past is called in URLs."""
    with psycopg.connect(stack.env["DATABASE_URL"]) as database:
        row = database.execute(IDS).fetchone()
    assert row, "the demo people have no past"
    found: dict[str, str] = row[0]
    return found


def speak(page: Page, stack: Stack, language: str) -> None:
    """From now on pages come in ``language``, whatever the profile says."""
    page.context.add_cookies([{"name": f"language_{urlsplit(stack.url).port}", "value": language, "url": stack.url}])


def opened(page: Page, who: str, ids: Mapping[str, str], rows: list[Row] = ROWS) -> Iterator[Row]:
    """The rows of this person, each when it is open in ``page``."""
    for row in rows:
        if row.who == who:
            path = row.path.format(**ids)
            answer = page.goto(path)
            assert answer, row
            assert (urlsplit(answer.url).path, answer.status) == (
                urlsplit(path).path,
                row.status,
            )  # and was led nowhere else
            yield row
