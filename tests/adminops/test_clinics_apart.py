"""Several clinics: who decides, who is told and where a message leads is a matter of the clinic that it is about."""

from datetime import date, datetime

import pytest
from django.test import Client
from django.urls import URLPattern
from pytest_django import Settings

from adminops.admin.base import Table
from adminops.models import Approval
from adminops.rights import approvals, people
from adminops.site import site
from consultations.models import Appointment
from consultations.tasks import remind
from doctors.models import Doctor
from patients.actions import majority
from patients.models import Patient, Proxy, Registration
from telemed.accounts import clinics, policy
from telemed.accounts.models import Clinic, Membership, User
from telemed.core import audit, clock
from telemed.core.models import AuditEvent
from telemed.notifications.gateways import email
from telemed.notifications.models import Message
from tests import cast, matrix, office
from tests.accounts.test_clinics import HEART, devi, enter, heart, staff_of
from tests.adminops.test_approvals import deliver
from tests.conftest import Time

__all__ = ["devi", "heart"]  # fixtures
HOME = f"http://{HEART}:8000"
SAME = ("country", "time_zone", "currency", "languages", "emergency_number", "phone", "email", "address", "accent", "free_cancel_hours")  # fmt: skip


def watcher(clinic: Clinic, address: str) -> User:
    """A privacy officer of one clinic."""
    user = cast.staff(address, "compliance", name=f"Officer of {clinic.name}")
    Membership.objects.create(user=user, clinic=clinic)
    return user


def test_an_approval_is_seen_decided_and_told_at_the_clinic_of_the_person(
    heart: Clinic, devi: Doctor, lina: Doctor, admin: User, now: datetime
) -> None:
    here, there = watcher(lina.clinic, "here@example.com"), watcher(heart, "there@example.com")
    new = User.objects.create_user(email="new@example.com", password=cast.PASSWORD, name="Nia New")
    Membership.objects.create(user=new, clinic=heart)
    row = approvals.ask("role", new, role="support", reason="Starts on Monday", by=admin, now=now)
    pages = [enter(there, HEART, factor=True), enter(here, factor=True)]
    assert ["Nia New" in page.get("/admin/approvals/").content.decode() for page in pages] == [True, False]
    sent = {"approve": "1", "reason": "Seen"}
    assert pages[1].post(f"/admin/approvals/{row.pk}/", sent).status_code == 404
    assert Approval.objects.get().state == "asked"
    deliver()
    told = Message.objects.filter(kind="approval.asked", channel="email").select_related("user")
    assert {row.user and row.user.email for row in told} == {"there@example.com"}
    assert pages[0].post(f"/admin/approvals/{row.pk}/", sent).status_code == 302


def test_support_finds_the_people_of_their_own_clinic_only(heart: Clinic, lina: Doctor, admin: User) -> None:
    support = cast.staff("grace@example.com", "support")
    for who in (support, admin):
        Membership.objects.create(user=who, clinic=lina.clinic)
    there = cast.staff("there@example.com", "support")
    Membership.objects.create(user=there, clinic=heart)
    cast.app(admin)
    seen = []
    for who, host in ((support, "localhost"), (there, HEART)):
        client = cast.prove(enter(who, host, factor=True), who, now=clock.now(), proof="token")
        cast.app(who)
        answer = client.post("/admin/second-steps/", {"address": admin.email, "reason": "Called back"})
        seen.append((answer.status_code, Approval.objects.count()))
    assert seen == [(302, 1), (422, 1)]


def test_whoever_is_a_member_of_no_clinic_works_at_none(heart: Clinic, lina: Doctor) -> None:
    grace = cast.staff("grace@example.com", "support")
    row = Membership.objects.create(user=grace, clinic=heart)
    assert enter(grace, HEART, factor=True).get("/admin/accounts/user/").status_code == 200
    row.delete()
    answers = [
        enter(grace, host, factor=True).get("/admin/accounts/user/").status_code for host in (HEART, "localhost")
    ]
    assert answers == [403, 403]


def test_opening_a_second_clinic_writes_down_who_works_at_the_first(
    lina: Doctor, amira: Patient, admin: User, settings: Settings
) -> None:
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, HEART]
    grace = cast.staff("grace@example.com", "support")
    new = {"name": "Heart House", "host": HEART, **{name: getattr(lina.clinic, name) for name in SAME}}
    assert enter(admin, factor=True).post("/admin/accounts/clinic/add/", new).status_code == 302
    assert Clinic.objects.count() == 2
    members = set(Membership.objects.values_list("user", "clinic"))
    assert members == {(person.pk, lina.clinic_id) for person in (lina.user, admin, grace)}
    assert enter(grace, factor=True).get("/admin/accounts/user/").status_code == 200


def test_a_manager_cannot_move_themselves_to_another_clinic(heart: Clinic, lina: Doctor) -> None:
    manager = staff_of(lina.clinic, "manager@example.com")
    client, row = enter(manager, factor=True), Membership.objects.get(user=manager)
    place = f"/admin/accounts/membership/{row.pk}/change/"
    sent = {"user": manager.pk, "clinic": heart.pk}
    answers = [client.post(place, sent), client.post("/admin/accounts/membership/add/", sent)]
    answers.append(client.post(f"/admin/accounts/membership/{row.pk}/delete/", {"post": "yes"}))
    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert list(Membership.objects.filter(user=manager).values_list("clinic", flat=True)) == [lina.clinic_id]
    assert client.get(place).status_code == 200  # looking is theirs
    assert client.get("/admin/approvals/ask/").status_code == 403


def test_who_works_where_changes_when_a_second_person_agrees(
    heart: Clinic, lina: Doctor, admin: User, now: datetime
) -> None:
    grace = staff_of(lina.clinic, "grace@example.com")
    officer, asking = watcher(heart, "there@example.com"), enter(admin, factor=True)
    theirs, deciding = enter(grace, factor=True), enter(officer, HEART, factor=True)
    facts = {"email": "grace@example.com", "reason": "Moves to Mumbai", "clinic": heart.pk}
    works = []
    for kind in ("join", "leave"):
        assert asking.post("/admin/approvals/ask/", {**facts, "kind": kind})["Location"] == "/admin/approvals/"
        works.append(set(Membership.objects.filter(user=grace).values_list("clinic", flat=True)))
        assert theirs.get("/admin/").status_code == 200
        row = Approval.objects.get(kind=kind)
        sent = {"approve": "1", "reason": "Contract seen"}
        assert asking.post(f"/admin/approvals/{row.pk}/", sent).status_code == 422  # not by who asked
        assert "Heart House" in deciding.get(f"/admin/approvals/{row.pk}/").content.decode()
        assert deciding.post(f"/admin/approvals/{row.pk}/", sent).status_code == 302
        works.append(set(Membership.objects.filter(user=grace).values_list("clinic", flat=True)))
        assert theirs.get("/admin/").status_code == 302  # signed out
        theirs = enter(grace, factor=True)
    first, both = {lina.clinic_id}, {lina.clinic_id, heart.pk}
    assert works == [first, both, both, first]
    lines = AuditEvent.objects.filter(entity="accounts.membership", entity_id=str(grace.pk)).order_by("id")
    assert [(row.action, row.actor_id, row.clinic_id) for row in lines] == [
        ("grant", officer.pk, heart.pk),
        ("delete", officer.pk, heart.pk),
    ]


def test_what_is_so_already_is_not_asked_for(
    heart: Clinic, lina: Doctor, amira: Patient, admin: User, now: datetime
) -> None:
    grace = staff_of(lina.clinic, "grace@example.com")
    for kind, person, clinic, refusal in (
        ("join", grace, lina.clinic, people.SoAlready), ("leave", grace, heart, people.SoAlready),
        ("join", cast.user_of(amira), heart, people.NotStaff),
    ):  # fmt: skip
        with pytest.raises(refusal):
            approvals.ask(kind, person, clinic=clinic, reason="No", by=admin, now=now)


# --- every page of the back office that names something in its address
EVERY_TASK = (
    "support",
    "finance",
    "compliance",
    "records",
    "manager",
)  # all roles but the one that runs the installation


def officer_at(clinic: Clinic, email: str) -> User:
    user = cast.staff(email, *EVERY_TASK)
    Membership.objects.create(user=user, clinic=clinic)
    return user


def proved(user: User, host: str, now: datetime) -> Client:
    client = cast.prove(enter(user, host, factor=True), user, now=now, proof="token")
    cast.app(user)
    return client


def named() -> list[matrix.Route]:
    """Our own pages of the back office with an id in their address."""
    own = {f"admin:{path.name}" for path in site.get_urls() if isinstance(path, URLPattern)} - {
        f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"
        for model in site._registry
        for page in ("changelist", "add", "history", "delete", "change")
    }
    return [
        route for route in matrix.routes() if route.name in own and route.parts and "view_on_site" not in route.name
    ]


@pytest.mark.parametrize("route", named(), ids=lambda route: route.name)
def test_a_page_about_somebody_opens_at_their_clinic_only(
    route: matrix.Route, visit: Appointment, lina: Doctor, heart: Clinic, now: datetime
) -> None:
    here, there = officer_at(lina.clinic, "here@example.com"), officer_at(heart, "there@example.com")
    ids = office.papers(visit, by=here, now=now)
    rule, answers = policy.table()[route.name], {}
    assert rule.of
    for method in rule.methods:
        for who, host in ((there, HEART), (here, "localhost")):
            answer = proved(who, host, now).generic(method, route.filled(ids))
            answers[method, host] = answer.status_code
            if host == HEART:
                assert not [word for word in ("Amira", "Lina") if word in answer.content.decode(errors="ignore")]
    assert {code for (_, host), code in answers.items() if host == HEART} == {404}
    assert {code for (_, host), code in answers.items() if host != HEART} <= {200, 302, 422}


@pytest.mark.parametrize("path", ["", "dashboard/", "identity/", "doctors/verify/", "approvals/", "requests/", "deadlines/", "kept/", "emergencies/", "locks/", "incidents/", "second-steps/", "help/", "disclosures/"])  # fmt: skip
def test_a_list_of_the_back_office_shows_and_counts_its_own_clinic_only(
    path: str, visit: Appointment, heart: Clinic, lina: Doctor, now: datetime
) -> None:
    applicant = cast.doctor("new@example.com", "Dr Lina Newcomer", now=now, registration="GMC 7000009", verified=False)
    officer = officer_at(heart, "there@example.com")
    office.papers(visit, by=applicant.user, now=now)
    page = proved(officer, HEART, now).get(f"/admin/{path}")
    assert page.status_code == 200
    assert not [word for word in ("Amira", "Lina", visit.patient.number) if word in page.content.decode()]
    assert [figure.value for figure in page.context.get("figures") or []] in ([], [0] * 14)


def test_staff_without_a_second_factor_are_led_to_it_from_a_page_about_somebody(
    visit: Appointment, admin: User
) -> None:
    answer = enter(admin).get(f"/admin/doctors/verify/{visit.doctor_id}/")
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/admin/login/")


def test_every_table_of_the_back_office_keeps_clinics_apart() -> None:
    assert [type(table).__name__ for table in site._registry.values() if not isinstance(table, Table)] == []


def test_every_page_of_the_back_office_about_a_row_says_of_which_table() -> None:
    unsaid = {
        route.name
        for route in matrix.routes()
        if route.name.startswith("admin:") and route.parts and not policy.table()[route.name].of
    }
    assert unsaid == {"admin:view_on_site"}  # nobody may


def test_a_message_leads_to_the_clinic_at_which_it_happened(
    amira: Patient, devi: Doctor, heart: Clinic, lina: Doctor, now: datetime
) -> None:
    with clinics.at(heart), audit.at_clinic(heart.pk):
        at_heart = cast.visit(amira, devi, now=now)
    deliver()
    sent = Message.objects.filter(user=amira.user, channel="email", link__contains=str(at_heart.pk)).latest("id")
    assert sent.link == f"{HOME}/visits/{at_heart.pk}/"
    assert f"{HOME}/visits/{at_heart.pk}/" in email.text(sent)
    inbox = Message.objects.filter(user=amira.user, channel="inbox", link__contains=str(at_heart.pk)).latest("id")
    assert inbox.link == f"/visits/{at_heart.pk}/"  # read where one is
    assert f"URL:{HOME}" in "".join(sent.attachments[0]["content"].splitlines()).replace("\n ", "")


def test_a_reminder_leads_to_the_clinic_of_the_doctor(
    amira: Patient, devi: Doctor, lina: Doctor, heart: Clinic, time: Time
) -> None:
    rows = [cast.visit(amira, of, now=time.now, starts_at=time.now.replace(hour=at)) for of, at in ((devi, 12), (lina, 13))]  # fmt: skip
    time.move(hours=2, minutes=50)
    remind()
    sent = Message.objects.filter(user=amira.user, kind__contains="remind", channel="email")
    links = {row.link for row in sent}
    assert links <= {f"{HOME}/visits/{rows[0].pk}/", f"/visits/{rows[1].pk}/"}
    assert links


@pytest.mark.parametrize(("country", "over"), [("GB", True), ("EG", False)])
def test_a_child_is_of_age_by_the_law_of_the_clinic_that_it_came_to_first(
    karim: Patient, heart: Clinic, time: Time, country: str, over: bool
) -> None:
    Clinic.objects.filter(pk=heart.pk).update(country=country)
    clinics.forget_clinics()
    Registration.objects.filter(patient=karim).update(clinic=heart)
    karim.birth_date = date(2008, 11, 1)  # eighteen, not twenty-one
    karim.save(update_fields=["birth_date"])
    assert majority.tidy(time.now) == int(over)
    assert Proxy.objects.filter(patient=karim, closed_at=None).exists() is not over
