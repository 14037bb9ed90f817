"""Rule F-17: who takes much more than a person does is signed out, and comes back when staff have looked."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from consultations.models import Appointment
from doctors.models import Doctor
from patients.models import Grant, Patient
from telemed.accounts import rules
from telemed.accounts.actions import misuse
from telemed.accounts.models import DeviceSession, Lock, LockState, User
from telemed.core import audit, clock
from telemed.core.ids import uuid7
from telemed.core.models import AuditEvent
from telemed.notifications.models import Message
from tests import cast
from tests.adminops.test_approvals import deliver
from tests.adminops.test_roles import office
from tests.conftest import Browse, Time
from tests.consultations.room_kit import Page, db, end_hub, session_of


@pytest.fixture
def privacy(admin: User) -> User:
    return cast.staff("privacy@example.com", "compliance", name="Petra Privacy")


def signed_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def open_records(by: User, count: int, *, action: audit.Action = "read") -> None:
    """Each the record of somebody else."""
    for _ in range(count):
        audit.record(action, "patients.record", by=by, patient_id=uuid7())


def is_shut(user: User) -> bool:
    return not User.objects.get(pk=user.pk).is_active


# --- many records
def test_the_thirty_first_record_in_ten_minutes_ends_every_session(
    visit: Appointment, lina: Doctor, browse: Browse, now: datetime
) -> None:
    here, phone = browse(lina.user), browse(lina.user)
    open_records(lina.user, rules.OPENED.most - 1)
    assert here.get(f"/clinic/patients/{visit.patient_id}/").status_code == 200  # the thirtieth
    assert (signed_in(here), signed_in(phone)) == (True, True)
    open_records(lina.user, 1)
    assert (signed_in(here), signed_in(phone), DeviceSession.objects.count()) == (False, False, 0)
    row = Lock.objects.get()
    assert (row.user, row.rule, row.cause, row.count, row.shut_at) == (lina.user, "F-17", "opened", 31, now)
    assert Client().post("/login/", {"address": "lina@example.com", "password": cast.PASSWORD}).status_code == 422


def test_records_are_counted_once_each_and_forgotten_after_ten_minutes(
    visit: Appointment, lina: Doctor, time: Time
) -> None:
    for _ in range(40):
        audit.record("read", "patients.record", by=lina.user, patient_id=visit.patient_id)
    open_records(lina.user, 29)
    time.move(minutes=10, seconds=1)
    open_records(lina.user, 30)
    assert not is_shut(lina.user)
    open_records(lina.user, 1)
    assert is_shut(lina.user)


def test_what_others_open_lists_and_what_was_refused_do_not_count(lina: Doctor, other: Doctor) -> None:
    open_records(lina.user, 20)
    open_records(other.user, 20)
    audit.record_each("read", "consultations.visits", by=lina.user, patient_ids=[uuid7() for _ in range(40)])
    for _ in range(40):
        audit.record("denied", "x", by=lina.user, patient_id=uuid7(), outcome="denied")
        audit.record("update", "x", by=lina.user, patient_id=uuid7())
    assert (is_shut(lina.user), is_shut(other.user)) == (False, False)


@pytest.mark.parametrize("action", ["export", "print"])
def test_taking_records_away_counts_as_opening_them(lina: Doctor, action: audit.Action) -> None:
    open_records(lina.user, 31, action=action)
    assert is_shut(lina.user)


def test_a_doctor_who_opens_the_charts_of_thirty_one_patients_through_the_pages(
    lina: Doctor, browse: Browse, now: datetime
) -> None:
    client, statuses = browse(lina.user), []
    for nth in range(32):
        patient = cast.patient(f"p{nth}@example.com", f"Patient {nth}", now=now, complete=False)
        Grant.objects.create(
            patient=patient, user=lina.user, reason=Grant.Reason.APPOINTMENT, scope=Grant.Scope.RECORD, source_id=patient.pk,
            opened_at=now, expires_at=now + timedelta(days=1),
        )  # fmt: skip
        statuses.append(client.get(f"/clinic/patients/{patient.pk}/").status_code)
    assert statuses == [200] * 31 + [302]


# --- refusals
def test_fifty_one_refusals_in_ten_minutes_shut_the_account(amira: Patient, browse: Browse) -> None:
    client = browse(amira.user)
    statuses = [client.get(f"/visits/{UUID(int=nth * 2**64 + 2**79)}/").status_code for nth in range(52)]
    assert statuses == [404] * 51 + [302]
    assert Lock.objects.get().cause == "refused"


def test_refusals_of_an_hour_shut_nobody_out(amira: Patient, browse: Browse, time: Time) -> None:
    client = browse(amira.user)
    for nth in range(60):
        client.get(f"/visits/{UUID(int=nth * 2**64 + 2**79)}/")
        time.move(seconds=13)
    assert not is_shut(amira.user)


@pytest.mark.parametrize("path", ["/visits/{}/", "/prescriptions/{}/", "/payments/{}/receipt.pdf"])
def test_the_fifth_id_in_a_row_shuts_the_account(path: str, visit: Appointment, mateo: Patient, browse: Browse) -> None:
    """From the id of somebody else's visit upwards and downwards, as a script does."""
    client, start = browse(mateo.user), visit.pk.int
    statuses = [client.get(path.format(UUID(int=start + step))).status_code for step in (0, 3, -2, 9, -8, 1)]
    assert statuses == [404] * 5 + [302]
    row = Lock.objects.get()
    assert (row.cause, row.count, row.user) == ("probed", 5, mateo.user)


def test_ids_of_real_things_do_not_follow_each_other(amira: Patient, browse: Browse) -> None:
    client = browse(amira.user)
    for _ in range(20):
        client.get(f"/visits/{uuid7()}/")
    assert not is_shut(amira.user)


# --- what follows
@pytest.mark.django_db(transaction=True)
async def test_open_sockets_close_at_once(amira: Patient) -> None:
    page = Page("/ws/live/?topics=inbox", await db(session_of, amira.user))
    assert await page.open()
    await page.next()
    await db(misuse.shut, amira.user.pk, Lock.Cause.REFUSED, rules.REFUSED, 51, now=clock.now())
    assert (await page.until("closed"))["code"] == 4401
    await end_hub()


def test_the_person_and_those_who_decide_are_told_and_the_log_says_why(
    amira: Patient, privacy: User, admin: User, now: datetime
) -> None:
    misuse.shut(amira.user.pk, Lock.Cause.REFUSED, rules.REFUSED, 51, now=now)
    deliver()
    told = [(message.address, message.subject) for message in Message.objects.filter(channel="email")]
    assert sorted(told) == [
        ("admin@example.com", "An account was locked"),
        ("amira@example.com", "Your account was shut because it opened or tried more than a person does"),
        ("privacy@example.com", "An account was locked"),
    ]
    lines = AuditEvent.objects.filter(entity="accounts.lock").values_list("action", "outcome", "actor_id")
    assert list(lines) == [("denied", "F-17", None)]


def test_an_account_is_shut_once(amira: Patient, now: datetime) -> None:
    for _ in range(3):
        misuse.shut(amira.user.pk, Lock.Cause.REFUSED, rules.REFUSED, 51, now=now)
    assert Lock.objects.count() == 1


def test_staff_look_and_open_the_account_again(lina: Doctor, privacy: User, browse: Browse, now: datetime) -> None:
    open_records(lina.user, 31)
    row, desk = Lock.objects.get(), office(browse, privacy)
    assert "Dr Lina Haddad" in desk.get("/admin/locks/").content.decode()
    page = desk.get(f"/admin/locks/{row.pk}/").content.decode()
    assert ("opened the records of too many patients: 31 (F-17)" in page, "read patients.record" in page) == (
        True,
        True,
    )
    empty = desk.post(f"/admin/locks/{row.pk}/", {"open": "1", "decision": ""})
    assert (empty.status_code, is_shut(lina.user)) == (422, True)
    answer = desk.post(f"/admin/locks/{row.pk}/", {"open": "1", "decision": "She closed the year's files."})
    row.refresh_from_db()
    assert (answer["Location"], row.state, row.decided_by) == ("/admin/locks/", LockState.OPENED, privacy)
    assert Client().post("/login/", {"address": "lina@example.com", "password": cast.PASSWORD}).status_code == 302
    open_records(lina.user, 30)
    assert not is_shut(lina.user)


def test_staff_may_leave_it_closed_and_open_it_later(
    amira: Patient, admin: User, browse: Browse, now: datetime
) -> None:
    misuse.shut(amira.user.pk, Lock.Cause.PROBED, rules.PROBED, 5, now=now)
    row, desk = Lock.objects.get(), office(browse, admin)
    desk.post(f"/admin/locks/{row.pk}/", {"keep": "1", "decision": "A script, the person agrees."})
    assert (is_shut(amira.user), Lock.objects.get().state) == (True, LockState.KEPT)
    desk.post(f"/admin/locks/{row.pk}/", {"open": "1", "decision": "The computer is clean again."})
    assert (is_shut(amira.user), Lock.objects.get().state) == (False, LockState.OPENED)


def test_making_the_account_active_by_hand_decides_about_its_lock(
    amira: Patient, admin: User, browse: Browse, now: datetime
) -> None:
    misuse.shut(amira.user.pk, Lock.Cause.PROBED, rules.PROBED, 5, now=now)
    facts = {"name": "", "language": "en", "time_zone": "Europe/London", "is_active": "on"}
    assert office(browse, admin).post(f"/admin/accounts/user/{amira.user_id}/change/", facts).status_code == 302
    assert (is_shut(amira.user), Lock.objects.get().state) == (False, LockState.OPENED)


def test_who_does_not_hold_the_task_sees_no_locks(amira: Patient, browse: Browse, now: datetime) -> None:
    misuse.shut(amira.user.pk, Lock.Cause.PROBED, rules.PROBED, 5, now=now)
    clerk = office(browse, cast.staff("grace@example.com", "support"))
    row = Lock.objects.get()
    assert [clerk.get(path).status_code for path in ("/admin/locks/", f"/admin/locks/{row.pk}/")] == [403, 403]
    assert clerk.post(f"/admin/locks/{row.pk}/", {"open": "1", "decision": "Please"}).status_code == 403
    assert is_shut(amira.user)


def test_nobody_decides_about_their_own_lock(admin: User, now: datetime) -> None:
    misuse.shut(admin.pk, Lock.Cause.REFUSED, rules.REFUSED, 51, now=now)
    row = Lock.objects.get()
    with pytest.raises(misuse.OwnLock):
        misuse.decide(row, LockState.OPENED, decision="It was me", by=admin, now=now)
    with pytest.raises(IntegrityError), transaction.atomic():
        Lock.objects.update(state=LockState.OPENED, decided_by=admin, decided_at=now, decision=b"sealed")
    assert is_shut(admin)


def test_a_second_decision_at_the_same_moment_is_refused(
    amira: Patient, admin: User, privacy: User, now: datetime
) -> None:
    misuse.shut(amira.user.pk, Lock.Cause.REFUSED, rules.REFUSED, 51, now=now)
    mine, yours = Lock.objects.get(), Lock.objects.get()
    misuse.decide(mine, LockState.OPENED, decision="Fine", by=admin, now=now)
    with pytest.raises(misuse.Decided):
        misuse.decide(yours, LockState.KEPT, decision="Not fine", by=privacy, now=now)
