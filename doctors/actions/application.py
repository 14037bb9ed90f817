"""Asking to work here: a draft that is kept, licences, education and documents, sent when it is complete. Renewals of a
licence are claimed with the same actions later."""

from datetime import date, datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from doctors.models import KNOWN, Decision, Doctor, Document, Education, Licence, moments
from doctors.states import EDITABLE, DoctorState, LicenceState
from telemed.accounts.models import Clinic, Membership, User
from telemed.core import audit, files, states
from telemed.core.ids import code
from telemed.core.problems import Refusal
from telemed.core.uploads import Upload

MOST = 20  # licences, schools or documents of one doctor


class AlreadyRegistered(Refusal):
    code = "already_registered"
    sentence = KNOWN


class Incomplete(Refusal):
    code = "incomplete"
    sentence = _("Something is missing. Add a licence, a school and a document, then send the application.")


class Sent(Refusal):
    code = "sent"
    sentence = _("The application is being checked and cannot be changed now. We will ask if something is missing.")


class TooMany(Refusal):
    code = "too_many"
    sentence = _("That is the most we can take. Remove one first.")


@transaction.atomic
def begin(user: User, *, clinic: Clinic, facts: dict[str, Any], now: datetime) -> Doctor:
    """Start a draft. Nobody sees it until it is sent."""
    slug = f"{slugify(facts['name'])}-{code(4).lower()}"
    doctor = Doctor.objects.create(user=user, clinic=clinic, slug=slug, created_at=now, **facts)
    user.role, user.name = User.Role.DOCTOR, facts["name"]
    user.save(update_fields=["role", "name"])
    Membership.objects.get_or_create(user=user, clinic=clinic)
    audit.record("create", "doctors.doctor", doctor.pk, by=user, purpose="HOPERAT")
    return doctor


@transaction.atomic
def describe(doctor: Doctor, facts: dict[str, Any], *, by: User) -> None:
    """What the draft says about the person. Raises Sent."""
    _require_editable(doctor)
    for name, value in facts.items():
        setattr(doctor, name, value)
    doctor.save(update_fields=list(facts))
    doctor.user.name = facts["name"]
    doctor.user.save(update_fields=["name"])
    audit.record("update", "doctors.doctor", doctor.pk, by=by, purpose="HOPERAT")


@transaction.atomic
def claim(
    doctor: Doctor, *, jurisdiction: str, council: str, number: str, valid_from: date, valid_until: date | None,
    paper: Upload | None, by: User, now: datetime,
) -> Licence:  # fmt: skip
    """Say that there is a licence. It counts for nothing until staff have checked it. Raises TooMany."""
    _require_room(doctor.licences.exclude(state=LicenceState.EXPIRED).count())
    licence = Licence.objects.create(
        doctor=doctor, jurisdiction=jurisdiction, council=council, number=number, created_at=now,
        document=attach(doctor, Document.Kind.LICENCE, paper, by=by, now=now) if paper else None,
        **moments(doctor, valid_from, valid_until),
    )  # fmt: skip
    audit.record("create", "doctors.licence", licence.pk, by=by, purpose="HOPERAT")
    return licence


@transaction.atomic
def studied(doctor: Doctor, *, school: str, degree: str, year: int, country: str, by: User) -> Education:
    """Raises Sent or TooMany."""
    _require_editable(doctor)
    _require_room(doctor.education.count())
    row = Education.objects.create(doctor=doctor, school=school, degree=degree, year=year, country=country)
    audit.record("create", "doctors.education", row.pk, by=by, purpose="HOPERAT")
    return row


@transaction.atomic
def attach(doctor: Doctor, kind: str, upload: Upload, *, by: User, now: datetime) -> Document:
    """Keep a paper, encrypted for the doctor's account. Raises TooMany."""
    _require_room(doctor.documents.count())
    file = files.save(
        upload.content, owner=f"user:{doctor.user_id}", purpose="doctor", name=upload.name,
        content_type=upload.content_type, now=now,
    )  # fmt: skip
    document = Document.objects.create(doctor=doctor, kind=kind, file=file, added_at=now)
    audit.record("create", "doctors.document", document.pk, by=by, purpose="HOPERAT")
    return document


@transaction.atomic
def remove(row: Licence | Education | Document, *, by: User) -> None:
    """Take something out of a draft. What staff have decided about stays. Raises Sent."""
    _require_editable(row.doctor)
    if isinstance(row, Licence) and row.state != LicenceState.CLAIMED:
        raise Sent
    papers = [row] if isinstance(row, Document) else [row.document] if isinstance(row, Licence) and row.document else []
    audit.record("delete", row._meta.label_lower, row.pk, by=by, purpose="HOPERAT")
    row.delete()
    for paper in papers:
        if paper.pk:
            paper.delete()
        files.destroy(paper.file)


def missing(doctor: Doctor) -> list[str]:
    """The steps of the application that still need something."""
    parts = {"licences": doctor.licences, "education": doctor.education, "documents": doctor.documents}
    return [name for name, rows in parts.items() if not rows.exists()]


def send(doctor: Doctor, *, by: User, now: datetime) -> None:
    """Hand the draft in. The first licence is the one that prescriptions name. Raises Incomplete, Sent or AlreadyRegistered."""
    if missing(doctor):
        raise Incomplete
    first = doctor.licences.earliest("created_at")
    try:
        with transaction.atomic():
            states.move(
                doctor, DoctorState.APPLIED, by=by.pk, now=now, created_at=now,
                registration_council=first.council, registration_number=first.number,
            )  # fmt: skip
            audit.record("update", "doctors.doctor", doctor.pk, by=by, purpose="HOPERAT")
    except states.Refused as error:
        raise Sent from error
    except IntegrityError as error:
        doctor.refresh_from_db()
        raise AlreadyRegistered from error


@transaction.atomic
def answer(doctor: Doctor, words: str, *, by: User, now: datetime) -> None:
    """Say what was asked for; the review goes on where it stood. Raises Sent."""
    try:
        states.move(doctor, DoctorState.IN_REVIEW, by=by.pk, now=now)
    except states.Refused as error:
        raise Sent from error
    Decision.objects.create(doctor=doctor, what=Decision.What.ANSWERED, words=words, by=by, at=now)
    audit.record("update", "doctors.doctor", doctor.pk, by=by, purpose="HOPERAT")


def _require_editable(doctor: Doctor) -> None:
    if doctor.state not in EDITABLE:
        raise Sent


def _require_room(count: int) -> None:
    if count >= MOST:
        raise TooMany
