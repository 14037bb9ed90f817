"""Several clinics: who decides, who is told and where a message leads is a matter of the clinic that it is about."""

from datetime import date, datetime

import pytest

from adminops.models import Approval
from adminops.rights import approvals
from consultations.tasks import remind
from doctors.models import Doctor
from patients.actions import majority
from patients.models import Patient, Proxy, Registration
from telemed.accounts import clinics
from telemed.accounts.models import Clinic, Membership, User
from telemed.core import audit, clock
from telemed.notifications.gateways import email
from telemed.notifications.models import Message
from tests import cast
from tests.accounts.test_clinics import HEART, devi, enter, heart
from tests.adminops.test_approvals import deliver
from tests.conftest import Time

__all__ = ["devi", "heart"]  # fixtures
HOME = f"http://{HEART}:8000"


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


def test_staff_without_a_membership_are_of_the_first_clinic(heart: Clinic, lina: Doctor, admin: User) -> None:
    support = cast.staff("grace@example.com", "support")  # a member of none
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
