"""Proving who one is: pictures are sent, staff decide, the pictures are forgotten."""

from datetime import date, datetime
from unicodedata import combining, normalize
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from telemed.accounts.data import HOLDS_AT_MOST, KEEP_PICTURES, WAIT_AT_MOST
from telemed.accounts.gateways import Vouched
from telemed.accounts.models import IdentityCheck, User
from telemed.core import audit, crypto, files, states
from telemed.core.models import StoredFile
from telemed.core.problems import Refusal
from telemed.core.uploads import Upload

State = IdentityCheck.State
CONTACT, DOCUMENT, PROVIDER = 0, 1, 2  # what each level rests on


class AlreadySent(Refusal):
    code = "already_sent"
    sentence = _("Your pictures are with us already. We will write to you when we have looked at them.")


class Decided(Refusal):
    code = "decided"
    sentence = _("Somebody decided about this in the meantime.")


class Differs(Refusal):
    code = "differs"
    sentence = _(
        "The identity provider knows you under another name or date of birth. Correct what you told us about you, or send photos."
    )


class BadEnd(Refusal):
    code = "bad_end"
    sentence = _("The check must end after today and within three years.")


def level(user_id: UUID | None, now: datetime) -> int:
    """How well we know who this is: 0, 1 or 2."""
    held = IdentityCheck.objects.holding(now).filter(user_id=user_id).first() if user_id else None
    return held.level if held else CONTACT


def belongs(user: User, *, name: str, birth_date: date, now: datetime) -> bool:
    """A check that holds now says that ``user`` is the person of this name and birth date."""
    held = IdentityCheck.objects.holding(now).filter(user=user)
    return any(row.birth_date == birth_date and _plain(row.name) == _plain(name) for row in held)


def send(user: User, *, name: str, birth_date: date, document: Upload, selfie: Upload, now: datetime) -> IdentityCheck:
    """Ask for level 1. Raises AlreadySent while another request waits."""
    check = IdentityCheck(user=user, level=DOCUMENT, name=name, birth_date=birth_date, sent_at=now)
    try:
        with transaction.atomic():
            check.save(force_insert=True)  # the database lets one wait; only then are pictures kept
            check.document, check.selfie = (_keep(check, picture, now) for picture in (document, selfie))
            check.save(update_fields=["document", "selfie"])
            audit.record("create", "accounts.identitycheck", check.pk, by=user, purpose="PATRQT")
    except IntegrityError as error:
        raise AlreadySent from error
    return check


@transaction.atomic
def approve(check: IdentityCheck, *, reason: str, expires_at: datetime, by: User, now: datetime) -> None:
    """Document, face, name and birth date belong together. Raises Decided or BadEnd."""
    if not now < expires_at <= now + HOLDS_AT_MOST.value:
        raise BadEnd
    _decide(check, State.APPROVED, reason=reason, by=by, now=now, expires_at=expires_at)


@transaction.atomic
def refuse(check: IdentityCheck, *, reason: str, by: User, now: datetime) -> None:
    """The person reads ``reason`` and may send again. Raises Decided."""
    _decide(check, State.REFUSED, reason=reason, by=by, now=now)


@transaction.atomic
def lapse(user: User, *, by: User, now: datetime) -> None:
    """Name or birth date is another now: what was compared says nothing any more."""
    for check in IdentityCheck.objects.for_user(user).filter(state__in=[State.SENT, State.APPROVED]):
        states.move(check, State.LAPSED, by=by.pk, now=now)
        audit.record("update", "accounts.identitycheck", check.pk, by=by, purpose="HOPERAT", outcome="lapsed")


def vouch(user: User, said: Vouched, *, by_whom: str, name: str, birth_date: date, now: datetime) -> IdentityCheck:
    """Keep level 2, when the provider speaks of the person of this record. Raises Differs. Nothing else of it is kept."""
    if said.birth_date != birth_date or _plain(said.name) != _plain(name):
        audit.record("verify", "accounts.identitycheck", by=user, purpose="PATRQT", outcome="differs")
        raise Differs
    with transaction.atomic():
        IdentityCheck.objects.filter(user=user, state=State.SENT).update(state=State.LAPSED)
        check = IdentityCheck.objects.create(
            user=user, level=PROVIDER, state=State.APPROVED, name=name, birth_date=birth_date, provider=f"{by_whom} ({said.framework})",
            sent_at=now, decided_at=now, expires_at=now + HOLDS_AT_MOST.value,
        )  # fmt: skip
        audit.record("verify", "accounts.identitycheck", check.pk, by=user, purpose="PATRQT", outcome="approved")
    return check


def _plain(name: str) -> list[str]:
    """The words of a name without order, case and accents: passports and people write them differently."""
    letters = "".join(letter for letter in normalize("NFKD", name.casefold()) if not combining(letter))
    return sorted(letters.replace("-", " ").split())


def forget_pictures(now: datetime) -> int:
    """Delete the pictures whose time is over, and the key that opened them. Returns how many checks had some."""
    rows = IdentityCheck.objects.exclude(document=None, selfie=None).select_related("document", "selfie")
    decided = rows.filter(decided_at__lte=now - KEEP_PICTURES.value)
    stale = rows.filter(sent_at__lte=now - WAIT_AT_MOST.value)
    lapsed = rows.filter(state=State.LAPSED)
    due = {check.pk: check for check in [*decided[:200], *stale[:200], *lapsed[:200]]}
    for check in due.values():
        _forget(check, now)
    return len(due)


@transaction.atomic
def _forget(check: IdentityCheck, now: datetime) -> None:
    if check.state == State.SENT:
        states.move(check, State.LAPSED, by=None, now=now)
    for picture in (check.document, check.selfie):
        if picture:
            files.destroy(picture)
    crypto.destroy(check.pictures)
    audit.record("delete", "accounts.identitypicture", check.pk, by=None, purpose="HOPERAT")


def _keep(check: IdentityCheck, picture: Upload, now: datetime) -> StoredFile:
    return files.save(
        picture.content,
        owner=check.pictures,
        purpose="identity",
        name=picture.name,
        content_type=picture.content_type,
        now=now,
    )


def _decide(
    check: IdentityCheck, to: str, *, reason: str, by: User, now: datetime, expires_at: datetime | None = None
) -> None:
    try:
        states.move(check, to, by=by.pk, now=now, decided_at=now, decided_by=by, reason=reason, expires_at=expires_at)
    except states.Refused as error:
        raise Decided from error
    audit.record("verify", "accounts.identitycheck", check.pk, by=by, purpose="HOPERAT", outcome=to)
