"""What a line of the access log says, and that no look is left out."""

import hashlib
import json
import uuid
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from consultations import tasks as consultations_tasks
from consultations.models import Appointment
from doctors.models import Doctor
from patients.models import Patient
from telemed.accounts.models import DeviceSession, User
from telemed.core import audit, events, origin, proof
from telemed.core.models import AuditEvent
from telemed.core.tasks import deliver
from tests import cast, harness
from tests.conftest import Browse


def test_a_line_says_who_from_where_and_why(amira: Patient, browse: Browse, now: Any) -> None:
    assert amira.user
    client = cast.prove(browse(amira.user), amira.user, now=now)
    answer = client.get("/record/", HTTP_USER_AGENT="Firefox 145", REMOTE_ADDR="203.0.113.77")
    row = AuditEvent.objects.filter(request_id=answer["X-Request-ID"]).get(entity="patients.record")
    assert (row.actor_id, row.actor_role, row.patient_id, row.channel) == (amira.user.pk, "patient", amira.pk, "web")
    assert (row.network, row.rule, row.strength) == ("203.0.113.0", "patients:record", "password")
    assert row.agent == hashlib.sha256(b"Firefox 145").hexdigest()[:16]
    assert row.session_id == DeviceSession.objects.get(user=amira.user).pk
    assert row.on_behalf_of is None
    said = json.loads(bytes(row.canonical))
    assert set(said) == set(proof.FACTS)
    assert bytes(row.leaf) == hashlib.sha256(b"\x00" + bytes(row.canonical)).digest()


def test_a_proxy_acts_for_the_patient(amira: Patient, karim: Patient, browse: Browse) -> None:
    assert amira.user
    answer = browse(amira.user).get(f"/family/{karim.pk}/record/")
    rows = AuditEvent.objects.filter(request_id=answer["X-Request-ID"], patient_id=karim.pk)
    assert {(row.actor_id, row.on_behalf_of) for row in rows} == {(amira.user.pk, karim.pk)}


def test_what_the_page_did_not_say_the_gate_says(amira: Patient, lina: Doctor, mateo: Patient) -> None:
    with audit.origin("web", "a request"):
        audit.record("read", "patients.chart", by=lina.user, patient_id=amira.pk)
        assert (Patient.objects.get(pk=amira.pk).name, Patient.objects.get(pk=mateo.pk).name) == (
            "Amira Osman",
            "Mateo Silva",
        )
        audit.note_rest(by=lina.user)
        audit.note_rest(by=lina.user)
    rows = AuditEvent.objects.filter(request_id="a request", entity="patients.patient")
    assert [(row.patient_id, row.actor_id, row.purpose) for row in rows] == [(mateo.pk, lina.user_id, "TREAT")]


def test_work_without_an_origin_opens_nothing_of_a_patient(amira: Patient) -> None:
    row = Patient.objects.get(pk=amira.pk)
    token = origin._present.set(None)
    try:
        with pytest.raises(origin.Nowhere, match="outside of any request"):
            _ = row.name
    finally:
        origin._present.reset(token)


def test_a_task_is_the_platform_itself_and_says_its_name(visit: Appointment, time: Any) -> None:
    time.move(minutes=20)
    consultations_tasks.remind()
    rows = AuditEvent.objects.filter(channel="task")
    assert {(row.actor_id, row.actor_role) for row in rows} <= {(None, "system")}
    held = Appointment.objects.get(pk=visit.pk)
    event = events.publish("test.happened", held.pk, by=held.booked_by_id, now=time.now)
    seen: list[tuple[str, str, Any]] = []
    events.on("test.happened")(lambda _: seen.append(_facts()))
    delivery = event.deliveries.create(subscriber=next(iter(events._subscribers["test.happened"])), due_at=time.now)
    deliver(ids=[str(delivery.pk)])
    events._subscribers.pop("test.happened")
    assert seen == [("task", "telemed.core.tasks.deliver", held.booked_by_id)]


def _facts() -> tuple[str, str, Any]:
    row = audit.line("read", "test", by=None)
    return row.channel, row.detail, uuid.UUID(str(row.on_behalf_of))


def test_a_search_is_kept_as_a_hash(admin: User, amira: Patient, browse: Browse) -> None:
    from tests.adminops.test_roles import office

    client = office(browse, admin)
    for words in ("amira@example.com", "AMIRA@example.com ", "mateo@example.com"):
        client.post("/admin/accounts/user/", {"q": words}, follow=True)
    found = list(AuditEvent.objects.filter(action="search").order_by("id").values_list("detail", flat=True))
    assert len(found[0]) == 32
    assert [found[0] == other for other in found] == [True, True, False]


def test_a_command_that_touches_people_asks_who_it_is(admin: User, settings: Any, capsys: Any) -> None:
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="Say who you are"):
        call_command("dumpdata", "accounts.clinic", stdout=StringIO())
    with pytest.raises(CommandError, match="nobody of the staff"):
        call_command("shell", command="pass", by="nobody@example.com")
    call_command("shell", command="from telemed.core import audit; audit.record('read', 'x', by=None)", by=admin.email)
    rows = AuditEvent.objects.filter(channel="shell").order_by("id")
    assert [(row.action, row.entity, row.actor_id, row.detail) for row in rows] == [
        ("login", "core.shell", admin.pk, "shell"), ("read", "x", admin.pk, "shell"),
    ]  # fmt: skip


def test_the_harness_finds_a_page_that_says_nothing(amira: Patient) -> None:
    with audit.origin("web", "silent", rule="page"):
        assert Patient.objects.filter(pk=amira.pk).values_list("pk").get() == (amira.pk,)
        assert harness.watch.unnoted() == []
        Patient.objects.get(pk=amira.pk)
        found = harness.watch.unnoted()
        Patient.objects.filter(pk=uuid.uuid4()).first()
    assert len(found) == 1
    assert found[0].startswith("page read patients_patient.address")
    harness.watch.forget()


def test_a_line_about_somebody_else_or_a_refusal_is_no_line(amira: Patient, mateo: Patient, lina: Doctor) -> None:
    opened = "page opened something of 1 patients and says nothing of them"
    tries: list[tuple[audit.Action, Patient, list[str] | None]] = [
        ("read", mateo, [opened]), ("denied", amira, None), ("read", amira, []),
    ]  # fmt: skip
    for action, who, left in tries:
        with audit.origin("web", "a request", rule="page"):
            assert Patient.objects.get(pk=amira.pk).name == "Amira Osman"
            audit.record(action, "patients.patient", by=lina.user, patient_id=who.pk)
            found = harness.watch.unnoted()
        assert (found if left is not None else found[-1][:9]) == (left if left is not None else "page read"), action
        harness.watch.forget()


@pytest.mark.parametrize(
    ("sql", "seen"),
    [
        ('SELECT "patients_patient"."name" FROM "patients_patient"', {"patients_patient.name"}),
        ("SELECT p.sex FROM patients_patient p", {"patients_patient.sex"}),
        ("SELECT sex, id FROM patients_patient", {"patients_patient.sex"}),
        ("WITH one AS (SELECT * FROM patients_label) SELECT 1 FROM one", {"patients_label.codes"}),
        ("UPDATE patients_label SET codes = 'x' WHERE id = 1 RETURNING codes", {"patients_label.codes"}),
        ("UPDATE patients_label SET codes = 'x' WHERE id = 1 RETURNING id", set()),
        ("SELECT count(*) FROM patients_patient", set()),
        ('SELECT "accounts_user"."name" FROM "accounts_user"', set()),
    ],
)
def test_the_harness_reads_statements(sql: str, seen: set[str]) -> None:
    assert harness.looked_at(sql) == seen


def test_a_visitor_reads_nothing_of_patients(lina: Doctor, visit: Appointment) -> None:
    answer = Client().get(f"/doctors/{lina.slug}/")
    assert answer.status_code == 200
    assert AuditEvent.objects.filter(request_id=answer["X-Request-ID"]).count() == 0
