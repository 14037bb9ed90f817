"""Who is told what about the requests of the back office."""

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from adminops.compliance import clocks
from adminops.models import Approval, Deadline, Duty, HelpSession, Incident
from adminops.rights.people import DECIDES
from adminops.states import ApprovalState, DutyState
from adminops.within import those_who_see
from patients.models import EmergencyAccess, PrivacyRequest
from telemed.accounts.models import AccountChange, Lock, User
from telemed.core import clock, events, sealing
from telemed.core.models import AuditSeal, Event
from telemed.notifications.actions import outbox
from telemed.notifications.actions.outbox import Notice


def may(codename: str) -> QuerySet[User]:
    """The active members of staff whose roles hold this task."""
    rows = User.objects.filter(is_active=True, is_staff=True, groups__permissions__codename=codename)
    return rows.distinct()


@events.on("adminops.approval.asked")
def tell_those_who_can_agree(event: Event) -> None:
    row = Approval.objects.get(pk=event.entity_id)
    for person in those_who_see(row, may(DECIDES).exclude(pk__in=(row.asked_by_id, row.person_id))):
        with outbox.speaking(person):
            words = _(
                "A colleague asks for your agreement. Sign in, look at it and approve or refuse within seven days."
            )
            notice = Notice(_("Your agreement is needed"), words, reverse("admin:approval", args=[row.pk]))
        outbox.send(person, notice, kind="approval.asked", key=f"asked:{row.pk}:{person.pk}", now=clock.now())


@events.on("adminops.approval.approved", "adminops.approval.refused", "adminops.approval.expired")
def tell_both_what_was_decided(event: Event) -> None:
    row = Approval.objects.select_related("person", "asked_by").get(pk=event.entity_id)
    about = {row.asked_by} if row.kind == Approval.Kind.FACTORS else {row.asked_by, row.person}  # they are told apart
    for person in about:
        with outbox.speaking(person):
            notice = Notice(_("A request was decided"), _told(row, person), _place(row, person))
        outbox.send(person, notice, kind="approval.decided", key=f"decided:{row.pk}:{person.pk}", now=clock.now())


def _told(row: Approval, person: User) -> str:
    if row.state == ApprovalState.EXPIRED:
        return _("Nobody decided within seven days, so nothing changed. You can ask again.")
    if row.state == ApprovalState.REFUSED:
        return _("The answer is no, and nothing changed. The reason stands with the request.")
    if row.kind == Approval.Kind.FACTORS:
        return _("The answer is yes. The person is told now and has a day to stop it; then it takes effect.")
    if person == row.asked_by or row.kind == Approval.Kind.LEAVE:
        return _("The answer is yes, and it holds from now on.")
    return _("You may do more here from now on. Sign in again to see it.")


def _place(row: Approval, person: User) -> str:
    return reverse("admin:approval", args=[row.pk]) if person == row.asked_by else reverse("portals:start")


@events.on("accounts.accountchange.undone")
def tell_who_asked_that_it_was_stopped(event: Event) -> None:
    row = AccountChange.objects.select_related("by").get(pk=event.entity_id)
    if row.kind != AccountChange.Kind.FACTORS or event.by_id == row.by_id:
        return
    with outbox.speaking(row.by):
        words = _("Second steps that you wanted to have taken away stay: the person or a colleague stopped it. Find out who asked you.")  # fmt: skip
        notice = Notice(_("A reset was stopped"), words, reverse("admin:resets"))
    outbox.send(row.by, notice, kind="reset.stopped", key=f"stopped:{row.pk}", now=clock.now())


@events.on("patients.emergency.opened")
def alert_who_watches_over_privacy(event: Event) -> None:
    row = EmergencyAccess.objects.select_related("doctor").get(pk=event.entity_id)
    for person in those_who_see(row, may("review_emergency")):
        with outbox.speaking(person):
            words = _("%(doctor)s opened a record in an emergency. Look at it before %(day)s, %(hour)s.")
            tz = clock.zone(person.time_zone)
            facts = {
                "doctor": row.doctor,
                "day": clock.day(row.review_due_at, tz),
                "hour": clock.hour(row.review_due_at, tz),
            }
            notice = Notice(
                _("A record was opened in an emergency"), words % facts, reverse("admin:emergency", args=[row.pk])
            )
        outbox.send(person, notice, kind="emergency.opened", key=f"alert:{row.pk}:{person.pk}", now=clock.now())


def remind_of_review(row: EmergencyAccess, now: datetime) -> None:
    """Once, when the three days are over."""
    for person in those_who_see(row, may("review_emergency")):
        with outbox.speaking(person):
            words = _("Nobody has reviewed an emergency access within three days. Please do it today.")
            notice = Notice(_("A review is overdue"), words, reverse("admin:emergency", args=[row.pk]))
        outbox.send(person, notice, kind="emergency.overdue", key=f"overdue:{row.pk}:{person.pk}", now=now)


CLOCKS = {
    "received": (gettext_lazy("Somebody uses a right over their data"), gettext_lazy("Answer before %(day)s.")),
    "proposed": (gettext_lazy("A colleague proposes to delete data"), gettext_lazy("Look at it and agree, or send it back. Answer before %(day)s.")),
    "soon": (gettext_lazy("A request about data is due soon"), gettext_lazy("Nobody has answered it yet. Answer before %(day)s.")),
    "late": (gettext_lazy("A request about data is late"), gettext_lazy("The law asked for an answer by %(day)s. Please answer today.")),
}  # fmt: skip


@events.on(*(f"patients.privacyrequest.{name}" for name in CLOCKS))
def tell_who_answers(event: Event) -> None:
    row, name = PrivacyRequest.objects.get(pk=event.entity_id), event.name.rpartition(".")[2]
    if not row.is_open:
        return
    for person in may("answer_request"):
        if person.pk == event.by_id:
            continue
        with outbox.speaking(person):
            title, words = (str(text) for text in CLOCKS[name])
            day = clock.day(row.due_at, clock.zone(person.time_zone))
            notice = Notice(title, words % {"day": day}, reverse("admin:request", args=[row.pk]))
        outbox.send(person, notice, kind=f"request.{name}", key=f"{name}:{event.pk}:{person.pk}", now=clock.now())


DEADLINES = {
    Deadline.Kind.DESTROYED: gettext_lazy("What was kept of somebody who left is to be destroyed."),
    Deadline.Kind.KEPT_LONG_ENOUGH: gettext_lazy("No law asks any more to keep the record of somebody."),
    Deadline.Kind.HOLD: gettext_lazy("A legal hold has stood for a year. Keep it or lift it."),
    Deadline.Kind.OF_AGE: gettext_lazy("A child is of age: the rights of the parents end."),
}


@events.on("adminops.deadline.soon", "adminops.deadline.late")
def tell_of_deadline(event: Event) -> None:
    """Without the day: of a child it would be a birthday."""
    row, stage = Deadline.objects.get(pk=event.entity_id), event.name.rpartition(".")[2]
    for person in those_who_see(row, may("answer_request")):
        with outbox.speaking(person):
            title = _("A deadline has passed") if stage == "late" else _("A deadline comes near")
            notice = Notice(title, str(DEADLINES[Deadline.Kind(row.kind)]), reverse("admin:deadlines"))
        outbox.send(person, notice, kind=f"deadline.{stage}", key=f"deadline:{event.pk}:{person.pk}", now=clock.now())


def tell_the_head(now: datetime) -> None:
    """A copy of the head of the access log outside of the database: in the mail of who reviews it."""
    row, waiting = AuditSeal.objects.order_by("-n").first(), sealing.waiting(now)
    for person in may("review_emergency") if row else []:
        assert row
        with outbox.speaking(person):
            words = _(
                "Keep this message. The access log up to line %(last)s is sealed under number %(n)s: %(hash)s. Whoever "
                "changes an older line cannot make this number again; manage.py verify_audit shows it."
            ) % {"last": row.last, "n": row.n, "hash": row.proof().hash.hex()}
            if waiting:
                late = _(
                    "%(count)s lines were not sealed in time. Find out today why nothing seals the access log, or who keeps "
                    "it from being sealed."
                )
                words = f"{late % {'count': waiting}}\n\n{words}"
            notice = Notice(_("The access log today"), words, reverse("admin:core_auditseal_changelist"))
        outbox.send(person, notice, kind="audit.head", key=f"head:{now.date()}:{person.pk}", now=now)


@events.on("accounts.lock.shut")
def tell_who_may_open_it(event: Event) -> None:
    row = Lock.objects.get(pk=event.entity_id)
    for person in may("open_lock").exclude(pk=row.user_id):
        with outbox.speaking(person):
            words = _("An account did more than a person does and was shut. Look at what it did, and decide.")
            notice = Notice(_("An account was locked"), words, reverse("admin:lock", args=[row.pk]))
        outbox.send(person, notice, kind="lock.shut", key=f"lock:{row.pk}:{person.pk}", now=clock.now())


@events.on("adminops.incident.opened")
def tell_who_handles_it(event: Event) -> None:
    row = Incident.objects.get(pk=event.entity_id)
    for person in may("handle_incident").exclude(pk=row.opened_by_id):
        with outbox.speaking(person):
            words = _("An incident with data of people was recorded. Sign in to see who must be told, and by when.")
            notice = Notice(_("An incident was recorded"), words, reverse("admin:incident", args=[row.pk]))
        outbox.send(person, notice, kind="incident.opened", key=f"incident:{row.pk}:{person.pk}", now=clock.now())


def remind_of_clocks(now: datetime) -> None:
    """Before somebody must have been told, and again when it is late. Each once."""
    for duty in Duty.objects.filter(state=DutyState.DUE, due_at__lte=now + timedelta(days=7)).order_by("due_at"):
        if now >= duty.due_at:
            _remind(duty, "late", _late, now)
        elif now >= duty.due_at - clocks.lead(clocks.rule(duty.rule)):
            _remind(duty, "soon", _soon, now)


def _soon(duty: Duty, tz: ZoneInfo) -> tuple[str, str]:
    words = _("Before %(day)s, %(hour)s, somebody must be told of an incident: %(whom)s.")
    facts = {
        "day": clock.day(duty.due_at, tz),
        "hour": clock.hour(duty.due_at, tz),
        "whom": clocks.rule(duty.rule).whom,
    }
    return _("Somebody must be told soon"), words % facts


def _late(duty: Duty, tz: ZoneInfo) -> tuple[str, str]:
    words = _(
        "Somebody should have been told of an incident by now: %(whom)s. Do it today, and write down why it is late."
    )
    return _("Somebody was not told in time"), words % {"whom": clocks.rule(duty.rule).whom}


def _remind(duty: Duty, stage: str, say: Callable[[Duty, ZoneInfo], tuple[str, str]], now: datetime) -> None:
    place = reverse("admin:incident-duty", args=[duty.incident_id, duty.pk])
    for person in may("handle_incident"):
        with outbox.speaking(person):
            notice = Notice(*say(duty, clock.zone(person.time_zone)), place)
        key = f"{stage}:{duty.pk}:{duty.due_at:%Y%m%d%H%M}:{person.pk}"
        outbox.send(person, notice, kind=f"incident.{stage}", key=key, now=now)


@events.on("adminops.helpsession.asked")
def ask_the_person(event: Event) -> None:
    row = HelpSession.objects.select_related("person", "asked_by").get(pk=event.entity_id)
    with outbox.speaking(row.person):
        words = _("%(who)s from support would like to see your pages to help you. Say yes or no within 15 minutes.")
        notice = Notice(_("May support look at your pages?"), words % {"who": row.asked_by}, reverse("portals:helping"))
    outbox.send(row.person, notice, kind="help.asked", key=f"help:{row.pk}", now=clock.now())


@events.on("adminops.helpsession.allowed", "adminops.helpsession.refused", "adminops.helpsession.ended")
def tell_support_the_answer(event: Event) -> None:
    row = HelpSession.objects.select_related("person", "asked_by").get(pk=event.entity_id)
    if event.by_id != row.person_id:
        return  # support ended it, or time did
    said = {
        "allowed": _("The person said yes."),
        "refused": _("The person said no."),
        "ended": _("The person ended it."),
    }
    with outbox.speaking(row.asked_by):
        notice = Notice(_("About the help you offered"), said[event.name.rpartition(".")[2]], reverse("admin:help"))
    outbox.send(row.asked_by, notice, kind="help.answered", key=f"help:{event.pk}", now=clock.now())
