"""What changed, in the admin: for who reads the log of changes, without a value that says who or how somebody is."""

import json
from datetime import datetime, timedelta

import pytest
from auditlog.models import LogEntry
from auditlog.registry import auditlog
from django.db import connection
from django.test.utils import CaptureQueriesContext

from adminops import history
from consultations.models import Appointment
from doctors.models import Doctor
from patients.actions import profile
from patients.models import Patient
from telemed.accounts.models import User
from telemed.core.fields import EncryptedField
from telemed.core.models import AuditEvent
from tests import cast
from tests.adminops.test_roles import office
from tests.conftest import Browse


def test_the_page_shows_what_changed_and_who_did_it(admin: User, lina: Doctor, browse: Browse) -> None:
    client = office(browse, admin)
    lina.specialty = "cardiology"
    lina.save()
    page = client.get(f"/admin/doctors/doctor/{lina.pk}/history/")
    assert page.status_code == 200
    assert "general-practice" in page.content.decode()
    assert "cardiology" in page.content.decode()
    row = AuditEvent.objects.filter(request_id=page["X-Request-ID"]).latest("id")
    assert (row.action, row.entity, row.entity_id) == ("read", "auditlog.logentry", str(lina.pk))
    assert "historylink" in client.get(f"/admin/doctors/doctor/{lina.pk}/change/").content.decode()


def test_values_of_patients_are_dots(amira: Patient, now: datetime, admin: User, browse: Browse) -> None:
    assert amira.user
    amira.name, amira.sex = "Amira Canary", "female"
    amira.save()
    amira.user.email, amira.user.phone = "canary@example.com", "+447400199999"
    amira.user.save()
    page = office(browse, admin).get(f"/admin/patients/patient/{amira.pk}/history/").content.decode()
    kept = json.dumps(
        list(LogEntry.objects.values("changes", "object_repr", "changes_text", "serialized_data", "actor_email"))
    )
    entry = LogEntry.objects.get_for_object(amira).latest("id")
    assert entry.changes["name"] == ["•••", "•••"]
    for word in ("Canary", "Amira", "canary", "199999", "12 Elm Street", "1985-03"):
        assert word not in kept, word
        assert word not in page, word


@pytest.mark.parametrize("model", history.KEPT, ids=lambda model: model.__name__)
def test_no_encrypted_field_is_kept(model: type[Patient]) -> None:
    encrypted = {field.name for field in model._meta.concrete_fields if isinstance(field, EncryptedField)}
    assert encrypted <= set(auditlog.get_model_fields(model)["mask_fields"])


def test_who_does_not_read_the_log_of_changes_has_no_such_page(lina: Doctor, browse: Browse) -> None:
    support = cast.staff("support@example.com", "support")
    client = office(browse, support)
    assert client.get(f"/admin/doctors/doctor/{lina.pk}/change/").status_code == 200
    assert client.get(f"/admin/doctors/doctor/{lina.pk}/history/").status_code == 404
    assert "historylink" not in client.get(f"/admin/doctors/doctor/{lina.pk}/change/").content.decode()


def test_profile_changes_by_the_patient_are_in_the_history(amira: Patient) -> None:
    assert LogEntry.objects.get_for_object(amira).exists()
    assert profile.record_of(amira.user, now=amira.created_at) == amira if amira.user else False


@pytest.mark.parametrize(
    "place", ["consultations/appointment", "patients/patient", "consultations/reminder", "accounts/user"]
)
def test_each_patient_on_a_list_sees_who_looked_in_as_many_questions_for_one_as_for_three(
    place: str, visit: Appointment, amira: Patient, lina: Doctor, admin: User, browse: Browse, now: datetime
) -> None:
    client, label = office(browse, admin), place.replace("/", ".")
    client.get(f"/admin/{place}/")  # what is asked once for each process
    with CaptureQueriesContext(connection) as one:
        page = client.get(f"/admin/{place}/")
    lines = AuditEvent.objects.filter(request_id=page["X-Request-ID"], action="read", entity=label)
    assert (page.status_code, [row.patient_id for row in lines]) == (200, [amira.pk])
    for nth in (1, 2):
        more = cast.patient(f"more{nth}@example.com", f"More {nth}", now=now)
        cast.visit(more, lina, now=now, starts_at=now + timedelta(hours=1 + nth))
    with CaptureQueriesContext(connection) as three:
        page = client.get(f"/admin/{place}/")
    lines = AuditEvent.objects.filter(request_id=page["X-Request-ID"], action="read", entity=label)
    assert {row.patient_id for row in lines} == set(Patient.objects.values_list("pk", flat=True))
    assert len(three) == len(one)
