"""A doctor may practise who is verified and holds a verified licence now. Every door asks the same rule, by the days."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from importlib import import_module
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.test import Client

from billing import queries as money
from billing.actions import payments
from billing.models import Payment, Refund
from consultations.actions import booking, notes, prescribing, rooms, visits
from consultations.models import Appointment, Consultation, Participant
from consultations.queries import alternatives, find_slot
from doctors import queries, tasks
from doctors.actions import licences, review
from doctors.actions.licences import NotLicensed
from doctors.models import Doctor, Licence, VisitType
from doctors.states import DoctorState, LicenceState
from patients.models import Patient
from telemed.accounts.models import User
from telemed.core import clock, events
from telemed.core.models import Delivery
from telemed.notifications.models import Message
from tests import cast
from tests.conftest import NOW, Browse, Time
from tests.consultations import desk_kit
from tests.doctors import kit

LAST = date(2026, 12, 10)  # 18 days after the test day


def ends(doctor: Doctor, day: date) -> Licence:
    """The doctor's only licence ends with this day."""
    doctor.licences.all().delete()
    return cast.licence(doctor, now=NOW, until=day)


@pytest.fixture
def over(lina: Doctor, time: Time) -> Callable[[], datetime]:
    """Dr Lina's licence ends on LAST: what is made before the call is of a time when she had it."""
    ends(lina, LAST)

    def pass_by() -> datetime:
        time.now = datetime(2026, 12, 11, 10, 0, tzinfo=NOW.tzinfo)
        return time.now

    return pass_by


def deliver() -> None:
    for delivery in Delivery.objects.filter(state="pending").values_list("pk", flat=True):
        assert events.deliver(delivery, now=clock.now())


def mails(kind: str) -> list[tuple[str | None, str]]:
    rows = Message.objects.filter(kind=kind, channel=Message.Channel.EMAIL).order_by("pk")
    return [(row.address, row.subject) for row in rows]


# --- the rule
@pytest.mark.parametrize(
    ("zone", "last", "first_without"),
    [
        ("Europe/London", "2026-12-10T23:59:59+00:00", "2026-12-11T00:00:00+00:00"),
        ("Pacific/Auckland", "2026-12-10T10:59:59+00:00", "2026-12-10T11:00:00+00:00"),
        ("America/Los_Angeles", "2026-12-11T07:59:59+00:00", "2026-12-11T08:00:00+00:00"),
    ],
)
def test_a_licence_holds_until_its_last_day_ends_where_the_doctor_works(
    db: None, zone: str, last: str, first_without: str
) -> None:
    doctor = cast.doctor("zone@example.com", "Dr Zone", now=NOW, registration="Z1", zone=zone)
    ends(doctor, LAST)
    assert queries.may_practise(doctor, datetime.fromisoformat(last))
    assert not queries.may_practise(doctor, datetime.fromisoformat(first_without))


@pytest.mark.parametrize(
    "state", [LicenceState.CLAIMED, LicenceState.REFUSED, LicenceState.EXPIRED, LicenceState.REVOKED]
)
def test_only_a_verified_licence_counts(lina: Doctor, now: datetime, state: str) -> None:
    assert queries.may_practise(lina, now)
    Licence.objects.filter(doctor=lina).update(state=state)
    assert not queries.may_practise(lina, now)


def test_a_licence_that_has_not_begun_does_not_count(lina: Doctor, now: datetime) -> None:
    Licence.objects.filter(doctor=lina).update(starts_at=now + timedelta(seconds=1))
    assert (queries.may_practise(lina, now), queries.may_practise(lina, now + timedelta(seconds=1))) == (False, True)


@pytest.mark.parametrize(
    "state", [DoctorState.APPLIED, DoctorState.IN_REVIEW, DoctorState.REFUSED, DoctorState.SUSPENDED]
)
def test_a_licence_alone_is_not_enough(lina: Doctor, now: datetime, state: str) -> None:
    Doctor.objects.filter(pk=lina.pk).update(state=state)
    assert not queries.may_practise(lina, now)


@pytest.mark.parametrize(
    ("held", "asked", "may"),
    [
        ("GB", "GB", True),
        ("GB", "FR", False),
        ("US-CA", "US-CA", True),
        ("US-CA", "US-NV", False),
        ("US-CA", "US", False),
        ("GB", "GB-SCT", True),
    ],
)
def test_a_licence_holds_in_its_own_jurisdiction(lina: Doctor, now: datetime, held: str, asked: str, may: bool) -> None:
    Licence.objects.filter(doctor=lina).update(jurisdiction=held)
    assert queries.may_practise(lina, now, asked) is may


# --- every door
def test_who_has_no_licence_is_not_listed_and_others_are(
    over: Callable[[], datetime], lina: Doctor, other: Doctor
) -> None:
    assert b"Dr Lina" in Client().get("/doctors/").content
    over()
    page = Client().get("/doctors/").content
    assert (b"Dr Lina" in page, b"Dr Other" in page) == (False, True)
    assert Client().get(f"/doctors/{lina.slug}/").status_code == 404
    assert b"Dr Lina" not in Client().get("/").content
    assert list(Doctor.objects.listed()) == [other]


def test_no_time_of_theirs_can_be_booked(
    over: Callable[[], datetime], lina: Doctor, other: Doctor, amira: Patient
) -> None:
    now = over()
    wanted = cast.slot(lina, now + timedelta(minutes=40))
    assert find_slot(wanted.id, clinic=lina.clinic, now=now) is None
    with pytest.raises(booking.SlotGone):
        booking.hold(wanted, amira, by=amira.user, now=now)
    near = alternatives(VisitType.objects.get(doctor=other), now + timedelta(hours=1), now=now, count=9)
    assert {slot.visit_type.doctor_id for slot in near} == {other.pk}
    assert Appointment.objects.count() == 0


def test_money_that_arrives_after_the_licence_ended_goes_back(lina: Doctor, amira: Patient, time: Time) -> None:
    ends(lina, LAST)
    time.now = datetime(2026, 12, 10, 23, 55, tzinfo=NOW.tzinfo)
    VisitType.objects.update(price=4800)
    held = cast.held(amira, lina, now=time.now, starts_at=time.now + timedelta(hours=9))
    payments.open(held, by=amira.user, now=time.now)
    payment = Payment.objects.get(appointment=held)
    from billing import gateways
    from billing.gateways import CheckoutState
    from billing.models import DemoCharge

    DemoCharge.objects.filter(pk=payment.checkout).update(status=CheckoutState.PAID, method="visa 4242")
    time.move(minutes=6)
    payments.capture(payment.pk, gateways.gateway().read(payment.checkout), now=time.now)
    held.refresh_from_db()
    assert (held.state, Refund.objects.get().reason) == ("expired", "late")
    with pytest.raises(booking.DoctorAway):
        booking.confirm(cast_held_again(held), by=None, now=time.now)


def cast_held_again(appointment: Appointment) -> Any:
    """As if the hold had not been let go."""
    Appointment.objects.filter(pk=appointment.pk).update(
        state="held", hold_expires_at=clock.now() + timedelta(minutes=5)
    )
    return appointment.pk


def test_no_room_opens_and_nobody_is_let_in(
    over: Callable[[], datetime], lina: Doctor, amira: Patient, browse: Browse
) -> None:
    start = datetime(2026, 12, 11, 10, 0, tzinfo=NOW.tzinfo)
    visit = cast.visit(amira, lina, now=NOW, starts_at=start)
    now = over()
    room = Consultation.objects.get(appointment=visit)
    doctor, patient = (Participant.objects.get(consultation=room, role=role) for role in ("doctor", "patient"))
    rooms.enter(patient.pk, socket="a.b", instance="p", take=False, by=amira.user, now=now)
    with pytest.raises(NotLicensed):
        rooms.enter(doctor.pk, socket="a.c", instance="d", take=False, by=lina.user, now=now)
    with pytest.raises(NotLicensed):
        rooms.admit(doctor, patient.pk, client_id=uuid4().hex, by=lina.user, now=now)
    client = browse(lina.user)
    letter = {"id": "m1", "text": "Hello"}
    answers = [
        client.get(f"/clinic/visits/{visit.pk}/room/"),
        client.post(
            f"/api/rooms/{room.pk}/admission/",
            {"id": "a1", "participant": str(patient.pk)},
            content_type="application/json",
        ),
        client.post(f"/api/rooms/{room.pk}/messages/", letter, content_type="application/json"),
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert list(Participant.objects.for_user(lina.user)) == []
    assert [seat.pk for seat in Participant.objects.for_user(amira.user)] == [patient.pk]
    patient.refresh_from_db()
    assert patient.admitted is False


def test_a_note_is_kept_but_not_signed(
    over: Callable[[], datetime], lina: Doctor, amira: Patient, browse: Browse
) -> None:
    desk_kit.dictionaries()
    visit = cast.visit(amira, lina, now=NOW)
    note = desk_kit.noted(visit, now=NOW)
    now = over()
    with pytest.raises(NotLicensed):
        notes.sign(desk_kit.room_of(visit), revision=note.revision, by=lina.user, now=now)
    client = browse(lina.user)
    answer = client.post(f"/clinic/visits/{visit.pk}/note/sign/", {"revision": note.revision}, follow=True)
    assert "your licence is not valid at the moment" in answer.content.decode()
    assert "Headaches since Monday" in client.get(f"/clinic/visits/{visit.pk}/note/").content.decode()
    note.refresh_from_db()
    assert note.signed_at is None


def test_no_prescription_is_signed(over: Callable[[], datetime], lina: Doctor, amira: Patient, browse: Browse) -> None:
    desk_kit.dictionaries()
    visit = cast.visit(amira, lina, now=NOW)
    desk_kit.noted(visit, now=NOW)
    draft = desk_kit.draft(visit, "amlodipine|tablet|5 mg", now=NOW)
    now = over()
    with pytest.raises(NotLicensed):
        prescribing.sign(draft, revision=draft.revision, by=lina.user, now=now)
    page = browse(lina.user).get(f"/clinic/prescriptions/{draft.pk}/")
    assert "your licence is not valid at the moment" in page.content.decode()
    draft.refresh_from_db()
    assert (draft.state, draft.pdf) == ("draft", None)


def test_money_is_held_and_says_so(over: Callable[[], datetime], lina: Doctor, amira: Patient, browse: Browse) -> None:
    visit = cast.visit(amira, lina, now=NOW)
    facts = {"amount": 4800, "currency": "GBP", "gateway": "demo", "created_at": NOW, "opened_at": NOW}
    Payment.objects.create(appointment=visit, patient=amira, state="captured", captured_at=NOW, number="R-1", **facts)
    client = browse(lina.user)
    assert client.get("/clinic/earnings.csv?month=2026-11").content.decode().splitlines()[1].endswith("48.00,48.00,due")
    assert money.may_be_paid_out(lina, NOW)
    assert not money.may_be_paid_out(lina, over())
    client = browse(lina.user)
    assert "Held: licence not valid" in client.get("/clinic/earnings/?month=2026-11").content.decode()
    assert (
        client.get("/clinic/earnings.csv?month=2026-11").content.decode().splitlines()[1].endswith("48.00,48.00,held")
    )


def test_the_doctors_own_pages_say_what_to_do(over: Callable[[], datetime], lina: Doctor, browse: Browse) -> None:
    assert "valid until 10 Dec 2026" in browse(lina.user).get("/clinic/").content.decode()
    over()
    client = browse(lina.user)
    assert client.get("/start/")["Location"] == "/clinic/"
    page = client.get("/clinic/").content.decode()
    assert "You cannot see patients at the moment" in page
    assert "Your licence ended on 10 Dec 2026." in page
    assert "Upload the renewal" in page


# --- patients who booked
def test_patients_who_booked_are_told_once_and_cancel_free(
    over: Callable[[], datetime], lina: Doctor, other: Doctor, amira: Patient, mateo: Patient, browse: Browse
) -> None:
    now = datetime(2026, 12, 11, 10, 0, tzinfo=NOW.tzinfo)
    mine = cast.visit(amira, lina, now=NOW, starts_at=now + timedelta(minutes=40))
    his = cast.visit(mateo, other, now=NOW, starts_at=now + timedelta(minutes=40))
    over()
    assert licences.expire(now) == 1
    deliver()
    tasks.look_at_licences()
    deliver()
    assert mails("visit.doctor_away") == [("amira@example.com", "About your appointment")]
    page = browse(amira.user).get(f"/visits/{mine.pk}/").content.decode()
    assert "cannot hold this visit at the moment" in page
    assert "Free to cancel at any time" in page
    assert "cannot hold this visit" not in browse(mateo.user).get(f"/visits/{his.pk}/").content.decode()
    assert visits.cancel_is_free(mine, by=amira.user, now=now)
    assert not visits.cancel_is_free(his, by=mateo.user, now=now)
    visits.cancel(mine, by=amira.user, now=now)
    deliver()
    assert Message.objects.filter(kind="visit.cancelled", user=amira.user).exists()


def test_a_suspended_doctors_patients_are_told_too(
    visit: Appointment, lina: Doctor, admin: User, now: datetime
) -> None:
    review.decide(lina, DoctorState.SUSPENDED, reason="The council asked", by=admin, now=now)
    deliver()
    assert mails("visit.doctor_away") == [("amira@example.com", "About your appointment")]


def test_nobody_is_alarmed_when_another_licence_holds(lina: Doctor, visit: Appointment, time: Time) -> None:
    ends(lina, LAST)
    cast.licence(lina, now=NOW, until=date(2028, 1, 1))
    time.now = datetime(2026, 12, 11, 10, 0, tzinfo=NOW.tzinfo)
    tasks.look_at_licences()
    deliver()
    assert (mails("licence.over"), mails("visit.doctor_away"), mails("licence.ending")) == ([], [], [])
    assert queries.may_practise(lina, time.now)


# --- warnings
def test_the_doctor_and_the_office_are_warned_60_30_and_7_days_ahead_once_each(
    lina: Doctor, admin: User, time: Time
) -> None:
    row = ends(lina, date(2027, 3, 1))
    assert row.ends_at
    seen: list[tuple[int, int]] = []
    for left in range(70, -2, -1):
        time.now = row.ends_at - timedelta(days=left)
        before = len(mails("licence.ending"))
        tasks.look_at_licences()
        tasks.look_at_licences()
        if len(mails("licence.ending")) > before:
            seen.append((left, len(mails("licence.ending")) - before))
    assert seen == [(60, 2), (30, 2), (7, 2)]
    assert mails("licence.ending")[-2:] == [
        ("lina@example.com", "Your licence ends in 7 days"), ("admin@example.com", "A doctor's licence ends in 7 days"),
    ]  # fmt: skip


def test_a_worker_that_was_down_says_what_is_due_now_and_nothing_twice(lina: Doctor, admin: User, time: Time) -> None:
    row = ends(lina, date(2027, 3, 1))
    assert row.ends_at
    for left, count in ((45, 2), (44, 2), (20, 4), (5, 6), (4, 6)):
        time.now = row.ends_at - timedelta(days=left)
        tasks.look_at_licences()
        assert (left, len(mails("licence.ending"))) == (left, count)


def test_who_has_renewed_is_not_warned(lina: Doctor, time: Time) -> None:
    ends(lina, date(2027, 1, 1))
    cast.licence(lina, now=NOW, until=date(2028, 1, 1))
    tasks.look_at_licences()
    assert mails("licence.ending") == []


def test_on_the_day_of_expiry_the_doctor_and_the_office_hear_it_once(
    over: Callable[[], datetime], lina: Doctor, admin: User
) -> None:
    over()
    for _ in range(3):
        tasks.look_at_licences()
        deliver()
    assert mails("licence.over") == [
        ("lina@example.com", "Your licence has ended"), ("admin@example.com", "A doctor's licence has ended"),
    ]  # fmt: skip
    assert lina.licences.get().state == "expired"


# --- renewal
def test_a_renewal_brings_the_doctor_back(
    over: Callable[[], datetime], lina: Doctor, browse: Browse, admin: User
) -> None:
    over()
    tasks.look_at_licences()
    client = browse(lina.user)
    facts = {
        **kit.LICENCE,
        "valid_from": "2026-12-01",
        "valid_until": "2027-11-30",
        "paper": kit.file(kit.pdf(), "new.pdf"),
    }
    assert client.post("/clinic/licences/", facts).status_code == 302
    assert "Your renewal is being checked" in client.get("/clinic/").content.decode()
    assert not queries.may_practise(lina, clock.now())
    from tests.doctors.conftest import proven

    office = proven(admin, browse)
    assert "Dr Lina" in office.get("/admin/doctors/verify/").content.decode()
    kit.decide_licence(office, lina)
    deliver()
    assert queries.may_practise(lina, clock.now())
    assert b"Dr Lina" in Client().get("/doctors/").content
    assert ("lina@example.com", "About your licence") in mails("licence.decided")


def test_a_withdrawn_licence_ends_everything_at_once(
    visit: Appointment, lina: Doctor, browse: Browse, admin: User
) -> None:
    from tests.doctors.conftest import proven

    kit.decide_licence(proven(admin, browse), lina, "revoke", reason="The council withdrew it")
    deliver()
    assert (lina.licences.get().state, queries.may_practise(lina, clock.now())) == ("revoked", False)
    assert mails("visit.doctor_away") == [("amira@example.com", "About your appointment")]


# --- who was here before
def test_doctors_of_before_get_a_licence_from_their_registration(lina: Doctor, admin: User, now: datetime) -> None:
    applied = cast.doctor("new@example.com", "Dr New", now=now, registration="N1", verified=False)
    Licence.objects.all().delete()
    import_module("doctors.migrations.0002_licences").name_licences(apps, None)
    rows = [
        (row.doctor, row.state, row.jurisdiction, row.number, row.valid_until)
        for row in Licence.objects.order_by("number")
    ]
    assert rows == [(lina, "verified", "GB", "GMC 7000001", None), (applied, "claimed", "GB", "N1", None)]
    assert list(Doctor.objects.listed()) == [lina]
