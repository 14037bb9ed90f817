"""Families: children under a parent's login, and adults who act for others with rights that end."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from consultations.models import Appointment, ClinicalNote, Consultation
from doctors.models import Doctor
from patients.actions import family, invitations, majority, profile
from patients.data import ages
from patients.models import Allergy, Invitation, Patient, Proxy
from telemed.accounts.models import IdentityCheck, User
from telemed.core.models import AuditEvent
from telemed.notifications.models import Message
from tests import cast
from tests.conftest import Browse, Time
from tests.consultations.test_booking_pages import PROFILE

CHILD = {
    **PROFILE, "name": "Karim Osman", "birth_date_day": "20", "birth_date_month": "5", "birth_date_year": "2019", "sex": "male",
    "contact_name": "Amira", "contact_relation": "mother", "own_address": "", "relation": "MTH", "declared": "on",
}  # fmt: skip


def sure(browse: Browse, patient: Patient, now: datetime) -> Client:
    """The browser of somebody who has just shown that it is them."""
    user = cast.user_of(patient)
    return cast.prove(browse(user), user, now=now)


def invited(patient: Patient, *rights: str, now: datetime, address: str = "layla@example.com") -> Invitation:
    assert patient.user
    facts: dict[str, Any] = {
        "relation": "DAUC",
        "rights": rights or ("book", "read"),
        "until": now + timedelta(days=30),
    }
    return invitations.invite(patient, address, **facts, by=patient.user, now=now)


def page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    return answer.content.decode()


# --- children -----------------------------------------------------------------------------------------------------------
def test_a_mother_adds_her_son_and_sees_his_record(amira: Patient, browse: Browse) -> None:
    client = browse(cast.user_of(amira))
    assert client.post("/account/family/child/", CHILD)["Location"] == "/account/family/"
    son = Patient.objects.get(user=None)
    assert (son.name, son.birth_date, son.completed_at is not None) == ("Karim Osman", date(2019, 5, 20), True)
    row = Proxy.objects.get()
    assert (row.basis, row.relation, row.rights, row.expires_at) == (
        "parent",
        "MTH",
        ["book", "read", "message", "pay"],
        None,
    )
    assert "Karim Osman" in page(client, "/account/family/")
    record = page(client, f"/family/{son.pk}/record/")
    assert ("Health record of Karim" in record, "Latex" in record) == (True, True)
    assert "Latex" not in page(client, "/record/")  # hers stays hers


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"birth_date_year": "2000"}, "Who is of age has an account of their own."),
        ({"declared": ""}, "Tick the box. Only a parent or guardian may add a child."),
        ({"relation": "FRND"}, "Select a valid choice"),
        ({"own_address": "not an address"}, "Enter an email address like name@example.com"),
    ],
)
def test_a_child_that_cannot_be_added_is_explained_and_nothing_is_lost(
    amira: Patient, browse: Browse, change: dict[str, str], said: str
) -> None:
    answer = browse(cast.user_of(amira)).post("/account/family/child/", CHILD | change)
    assert (answer.status_code, said in answer.content.decode()) == (422, True)
    assert "Karim Osman" in answer.content.decode()
    assert Patient.objects.filter(user=None).count() == 0


@pytest.mark.parametrize("who", ["mateo", "lina"])
@pytest.mark.parametrize("path", ["record/", "record/sharing/", "profile/", "people/", "invite/"])
def test_a_stranger_finds_no_page_of_a_child(
    karim: Patient, request: pytest.FixtureRequest, browse: Browse, who: str, path: str
) -> None:
    client = browse(request.getfixturevalue(who).user)
    for method in (client.get, client.post):
        assert method(f"/family/{karim.pk}/{path}").status_code in {404, 405}


def test_the_birth_date_of_a_child_cannot_be_moved_by_a_parent(amira: Patient, karim: Patient, browse: Browse) -> None:
    answer = browse(cast.user_of(amira)).post(f"/family/{karim.pk}/profile/", CHILD | {"birth_date_year": "2025"})
    assert (answer.status_code, "Ask the clinic to correct it" in answer.content.decode()) == (422, True)
    karim.refresh_from_db()
    assert karim.birth_date == date(2019, 5, 20)


def test_a_child_of_seven_has_no_account_of_their_own(mateo: Patient, now: datetime, browse: Browse) -> None:
    fresh = cast.patient("kid@example.com", "", now=now, complete=False)
    answer = browse(cast.user_of(fresh)).post("/account/profile/", PROFILE | {"birth_date_year": "2019"})
    assert (answer.status_code, "Ask a parent to make an account" in answer.content.decode()) == (422, True)


def test_the_list_of_the_family_takes_the_same_queries_for_one_and_three(
    amira: Patient, karim: Patient, now: datetime, browse: Browse
) -> None:
    client, counts = browse(cast.user_of(amira)), []
    for more in ((), ("Nadia Osman", "Rami Osman")):
        for name in more:
            cast.child(amira, name, now=now)
        client.get("/account/family/")
        with CaptureQueriesContext(connection) as queries:
            text = page(client, "/account/family/")
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert all(name in text for name in ("Karim Osman", "Nadia Osman", "Rami Osman"))


# --- adults who act for adults ------------------------------------------------------------------------------------------
def test_an_adult_is_invited_accepts_with_their_own_account_and_reads(
    amira: Patient, layla: Patient, browse: Browse, now: datetime
) -> None:
    father, daughter = sure(browse, amira, now), browse(cast.user_of(layla))
    facts = {"address": " Layla@Example.com", "relation": "DAUC", "rights": ["book", "read"], "until": "2026-12-31"}
    assert father.post(f"/family/{amira.pk}/invite/", facts)["Location"] == "/account/family/"
    told = Message.objects.get(kind="family.invitation")
    assert (told.channel, told.address, "Amira" in told.subject + told.body) == ("email", "layla@example.com", False)
    assert daughter.get(f"/family/{amira.pk}/record/").status_code == 404  # asked is not allowed
    assert "Amira Osman asks for your help" in page(daughter, told.link)
    assert daughter.post(told.link, {"accept": "1"})["Location"] == "/account/family/"
    assert "Penicillin" in page(daughter, f"/family/{amira.pk}/record/")
    row = Proxy.objects.get()
    assert (row.user, row.given_by, row.rights, row.expires_at) == (
        layla.user, amira.user, ["book", "read"], datetime.fromisoformat("2027-01-01T00:00:00+00:00"),
    )  # fmt: skip
    assert daughter.post(told.link, {"accept": "1"}).status_code == 410  # single use
    assert "Layla Haddad" in page(father, "/account/family/")


def test_only_the_owner_of_the_address_opens_an_invitation(
    amira: Patient, mateo: Patient, layla: Patient, lina: Doctor, browse: Browse, now: datetime
) -> None:
    row = invited(amira, now=now)
    for stranger in (mateo.user, lina.user):
        client = browse(stranger)
        answer = client.get(f"/family/invitations/{row.pk}/")
        assert (answer.status_code, "Amira" in answer.content.decode()) == (404, False)
        assert client.post(f"/family/invitations/{row.pk}/", {"accept": "1"}).status_code == 404
        assert client.post(f"/family/invitations/{row.pk}/", {"withdraw": "1"}).status_code == 404
    with pytest.raises(invitations.Gone):
        invitations.accept(row, by=cast.user_of(mateo), now=now)
    assert Proxy.objects.count() == 0


def test_an_invitation_never_touches_the_account_that_has_the_address(
    amira: Patient, layla: Patient, browse: Browse, now: datetime
) -> None:
    def stored() -> dict[str, Any]:
        row = User.objects.filter(pk=cast.user_of(layla).pk).values().get()
        return {name: getattr(value, "envelope", value) for name, value in row.items()} | {"last_login": None}

    before = stored()
    row = invited(amira, now=now)
    browse(cast.user_of(layla)).post(f"/family/invitations/{row.pk}/", {"accept": "1"})
    assert stored() == before
    assert User.objects.count() == 2


def test_an_address_with_and_without_an_account_gets_the_same_answer(
    amira: Patient, layla: Patient, browse: Browse, now: datetime
) -> None:
    client, answers = sure(browse, amira, now), []
    for address in ("layla@example.com", "nobody@example.com"):
        facts = {"address": address, "relation": "DAUC", "rights": ["read"], "until": "2026-12-31"}
        client.post(f"/family/{amira.pk}/invite/", facts)
        told = Message.objects.filter(kind="family.invitation").latest("id")
        answers.append((told.subject, told.body, told.channel, page(client, "/account/family/").count('role="status"')))
    assert answers[0] == answers[1]


def test_an_invitation_ends_after_a_week_or_when_it_is_taken_back(
    amira: Patient, layla: Patient, browse: Browse, time: Time
) -> None:
    first, second = invited(amira, now=time.now), invited(amira, now=time.now)
    father, daughter = browse(cast.user_of(amira)), browse(cast.user_of(layla))
    father.post(f"/family/invitations/{first.pk}/", {"withdraw": "1"})
    assert daughter.post(f"/family/invitations/{first.pk}/", {"accept": "1"}).status_code == 410
    time.move(days=7)
    daughter = browse(cast.user_of(layla))
    assert daughter.post(f"/family/invitations/{second.pk}/", {"accept": "1"}).status_code == 410
    assert Proxy.objects.count() == 0


def test_what_the_inviter_has_no_say_about_any_more_is_not_accepted(
    amira: Patient, karim: Patient, layla: Patient, now: datetime
) -> None:
    mother = cast.user_of(amira)
    row = invitations.invite(
        karim, "layla@example.com", relation="FTH", rights=["read"], until=None, by=mother, now=now
    )
    family.end(Proxy.objects.get(patient=karim), by=mother, now=now)
    with pytest.raises(invitations.Gone):
        invitations.accept(row, by=cast.user_of(layla), now=now)


@pytest.mark.parametrize(
    ("relation", "basis", "ends"), [("FTH", "parent", False), ("GRPRN", "consent", True), ("FRND", "consent", True)]
)
def test_only_who_is_named_as_a_parent_decides_about_a_child(
    karim: Patient, layla: Patient, amira: Patient, browse: Browse, now: datetime, relation: str, basis: str, ends: bool
) -> None:
    facts = {"address": "layla@example.com", "relation": relation, "rights": ["book", "read"], "until": "2026-12-31"}
    assert sure(browse, amira, now).post(f"/family/{karim.pk}/invite/", facts).status_code == 302
    given = invitations.accept(Invitation.objects.get(), by=cast.user_of(layla), now=now)
    assert (given.basis, given.expires_at is not None) == (basis, ends)
    decides = browse(cast.user_of(layla)).get(f"/family/{karim.pk}/people/").status_code
    assert decides == (200 if basis == "parent" else 404)
    assert browse(cast.user_of(layla)).get(f"/family/{karim.pk}/record/").status_code == 200


def test_nobody_gives_more_than_they_may_do_themselves(
    karim: Patient, layla: Patient, mateo: Patient, amira: Patient, browse: Browse, now: datetime
) -> None:
    father = cast.user_of(layla)
    family.give(karim, father, relation="FTH", rights=["book"], until=None, by=cast.user_of(amira), now=now)
    client = cast.prove(browse(father), father, now=now)
    facts = {"address": "mateo@example.com", "relation": "FTH", "rights": ["book", "read"], "until": "2026-12-31"}
    answer = client.post(f"/family/{karim.pk}/invite/", facts)
    assert (answer.status_code, "only what you may do yourself" in answer.content.decode()) == (422, True)
    friend = family.give(
        karim, cast.user_of(mateo), relation="FRND", rights=["book"], until=now + timedelta(days=9), by=father, now=now
    )
    more = {"save": "1", "rights": ["book", "read"], "until": "2026-12-31"}
    answer = client.post(f"/family/proxies/{friend.pk}/", more)
    assert (answer.status_code, "only what you may do yourself" in answer.content.decode()) == (422, True)
    friend.refresh_from_db()
    assert (friend.rights, Invitation.objects.count()) == (["book"], 0)


def test_what_a_parent_may_not_do_any_more_is_not_accepted(
    karim: Patient, layla: Patient, amira: Patient, now: datetime
) -> None:
    mother = cast.user_of(amira)
    row = invitations.invite(
        karim, "layla@example.com", relation="FTH", rights=["read"], until=None, by=mother, now=now
    )
    Proxy.objects.filter(patient=karim).update(rights=["book"])
    with pytest.raises(invitations.Gone):
        invitations.accept(row, by=cast.user_of(layla), now=now)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rights": []}, "Choose at least one thing."),
        ({"until": "2026-11-21"}, "Choose an end date within the next two years"),
        ({"until": "9999-12-31"}, "Choose an end date within the next two years"),
        ({"until": ""}, "Choose the last day."),
        ({"until": "31.3.2027"}, "Write the day like 2027-03-31."),
        ({"address": "amira@example.com"}, "This is your own address"),
        ({"rights": ["everything"]}, "Select a valid choice"),
    ],
)
def test_an_invitation_that_cannot_be_sent_says_why(
    amira: Patient, browse: Browse, change: dict[str, Any], said: str, now: datetime
) -> None:
    facts = {"address": "layla@example.com", "relation": "DAUC", "rights": ["read"], "until": "2026-12-31", **change}
    answer = sure(browse, amira, now).post(f"/family/{amira.pk}/invite/", facts)
    assert (answer.status_code, said in answer.content.decode()) == (422, True)
    assert Invitation.objects.count() == 0


def test_five_invitations_wait_at_most(amira: Patient, now: datetime) -> None:
    for number in range(5):
        invited(amira, now=now, address=f"friend{number}@example.com")
    with pytest.raises(invitations.TooMany):
        invited(amira, now=now)


def test_a_minor_cannot_act_for_others(amira: Patient, now: datetime, browse: Browse) -> None:
    teen = cast.patient("teen@example.com", "Teen Person", now=now)
    teen.birth_date = date(2010, 1, 1)
    teen.save(update_fields=["birth_date"])
    row = invited(amira, now=now, address="teen@example.com")
    answer = browse(cast.user_of(teen)).post(f"/family/invitations/{row.pk}/", {"accept": "1"})
    assert (answer.status_code, "Only an adult" in answer.content.decode()) == (409, True)
    assert browse(cast.user_of(teen)).post("/account/family/child/", CHILD).status_code == 422
    assert Proxy.objects.count() == 0


def test_rights_are_changed_prolonged_and_taken_back_at_once(
    amira: Patient, layla: Patient, browse: Browse, now: datetime
) -> None:
    row = cast.proxy(amira, cast.user_of(layla), "read", now=now)
    father, daughter = sure(browse, amira, now), browse(cast.user_of(layla))
    assert daughter.get(f"/family/{amira.pk}/record/").status_code == 200
    father.post(f"/family/proxies/{row.pk}/", {"save": "1", "rights": ["message"], "until": "2027-06-30"})
    assert daughter.get(f"/family/{amira.pk}/record/").status_code == 404
    father.post(f"/family/proxies/{row.pk}/", {"save": "1", "rights": ["read"], "until": "2027-06-30"})
    assert daughter.get(f"/family/{amira.pk}/record/").status_code == 200
    father.post(f"/family/proxies/{row.pk}/", {"end": "1"})
    assert daughter.get(f"/family/{amira.pk}/record/").status_code == 404
    row.refresh_from_db()
    assert (row.ending, row.closed_at) == ("revoked", now)


@pytest.mark.parametrize(
    ("rights", "until", "asked"),
    [
        (["read", "pay"], "2026-12-21", True),  # another right
        (["read"], "2027-06-30", True),  # a later end
        (["read"], "2026-12-01", False),  # less
    ],
)
def test_more_rights_need_a_fresh_proof_and_fewer_do_not(
    amira: Patient, layla: Patient, browse: Browse, now: datetime, rights: list[str], until: str, asked: bool
) -> None:
    row = cast.proxy(amira, cast.user_of(layla), "read", "book", now=now, days=30)
    Proxy.objects.filter(pk=row.pk).update(rights=["read"])
    client, place = browse(cast.user_of(amira)), f"/family/proxies/{row.pk}/"
    answer = client.post(place, {"save": "1", "rights": rights, "until": until})
    assert (answer["Location"] == f"/account/again/?next={place}") is asked
    row.refresh_from_db()
    assert row.rights == ["read"]
    if asked:
        client.post("/account/again/", {"password": cast.PASSWORD, "next": place})
        assert f'value="{until}"' in page(client, place)  # nothing has to be typed twice
        client.post(place, {"save": "1", "rights": rights, "until": until})
        row.refresh_from_db()
        assert row.rights == [right for right in family.EVERYTHING if right in rights]


def test_an_invitation_needs_a_fresh_proof(amira: Patient, browse: Browse) -> None:
    client, place = browse(cast.user_of(amira)), f"/family/{amira.pk}/invite/"
    facts = {"address": "layla@example.com", "relation": "DAUC", "rights": ["read"], "until": "2026-12-31"}
    for answer in (client.get(place), client.post(place, facts)):
        assert answer["Location"] == f"/account/again/?next={place}"
    assert Invitation.objects.count() == 0


def test_a_proxy_gives_up_but_cannot_give_themselves_more(
    amira: Patient, layla: Patient, browse: Browse, now: datetime
) -> None:
    row = cast.proxy(amira, cast.user_of(layla), "read", now=now)
    daughter = browse(cast.user_of(layla))
    more = {"save": "1", "rights": ["read", "pay"], "until": "2027-06-30"}
    assert daughter.post(f"/family/proxies/{row.pk}/", more).status_code == 404
    assert daughter.get(f"/family/{amira.pk}/invite/").status_code == 404
    row.refresh_from_db()
    assert row.rights == ["read"]
    daughter.post(f"/family/proxies/{row.pk}/", {"end": "1"})
    row.refresh_from_db()
    assert row.ending == "left"


def test_an_expired_right_opens_nothing(amira: Patient, layla: Patient, browse: Browse, time: Time) -> None:
    cast.proxy(amira, cast.user_of(layla), "read", now=time.now, days=30)
    daughter = browse(cast.user_of(layla))
    assert daughter.get(f"/family/{amira.pk}/record/").status_code == 200
    time.move(days=30)
    daughter = browse(cast.user_of(layla))
    assert daughter.get(f"/family/{amira.pk}/record/").status_code == 404
    assert "Amira" not in page(daughter, "/account/family/")


@pytest.mark.parametrize(
    "facts",
    [
        {"rights": []},
        {"rights": ["own"]},
        {"expires_at": None},
        {"expires_at": datetime.fromisoformat("2020-01-01T00:00:00+00:00")},
        {"closed_at": datetime.fromisoformat("2026-12-01T00:00:00+00:00")},
        {"ending": "revoked"},
    ],
)
def test_the_database_refuses_a_right_that_makes_no_sense(
    amira: Patient, layla: Patient, now: datetime, facts: dict[str, Any]
) -> None:
    row = cast.proxy(amira, cast.user_of(layla), "read", now=now)
    with pytest.raises(IntegrityError), transaction.atomic():
        Proxy.objects.filter(pk=row.pk).update(**facts)


def test_the_database_keeps_one_open_right_of_a_person_for_a_patient(
    amira: Patient, layla: Patient, now: datetime
) -> None:
    row = cast.proxy(amira, cast.user_of(layla), "read", now=now)
    with pytest.raises(IntegrityError), transaction.atomic():
        Proxy.objects.create(
            patient=amira, user=row.user, relation="DAUC", basis="consent", rights=["pay"], given_by=row.given_by,
            opened_at=now, expires_at=row.expires_at,
        )  # fmt: skip
    again = cast.proxy(amira, cast.user_of(layla), "pay", now=now)
    row.refresh_from_db()
    assert (row.ending, again.rights) == ("replaced", ["pay"])


# --- each right opens its own pages, and nothing else -------------------------------------------------------------------
OPENS = {
    "record": {"read"},
    "sharing": {"read"},
    "visit": {"book", "read"},
    "calendar": {"book", "read"},
    "cancel": {"book"},
    "check": {"book"},
    "call": {"book"},
    "thread": {"message"},
    "payments": {"pay"},
}


def paths(visit: Appointment) -> dict[str, str]:
    room = Consultation.objects.get(appointment=visit)
    return {
        "record": f"/family/{visit.patient_id}/record/", "sharing": f"/family/{visit.patient_id}/record/sharing/",
        "visit": f"/visits/{visit.pk}/", "calendar": f"/visits/{visit.pk}.ics", "cancel": f"/visits/{visit.pk}/cancel/",
        "check": f"/visits/{visit.pk}/room/", "call": f"/visits/{visit.pk}/after/", "thread": f"/messages/{room.pk}/",
        "payments": f"/book/{visit.pk}/paid/",
    }  # fmt: skip


@pytest.mark.parametrize(
    "rights", [{"book"}, {"read"}, {"message"}, {"pay"}, {"book", "read", "message", "pay"}, set()]
)
@pytest.mark.parametrize("state", ["open", "expired", "revoked", "of another"])
def test_a_right_opens_its_pages_and_nothing_else(
    visit: Appointment, mateo: Patient, layla: Patient, browse: Browse, time: Time, rights: set[str], state: str
) -> None:
    if rights:
        of = mateo if state == "of another" else visit.patient
        row = cast.proxy(
            of, cast.user_of(layla), *rights, now=time.now - timedelta(days=2), days=1 if state == "expired" else 30
        )
        if state == "revoked":
            family.end(row, by=cast.user_of(of), now=time.now)
    client = browse(cast.user_of(layla))
    for name, path in paths(visit).items():
        answer = client.get(path)
        allowed = state == "open" and bool(rights & OPENS[name])
        assert (answer.status_code == 404) is not allowed, (name, answer.status_code)
        if not allowed:
            assert "Amira" not in answer.content.decode()
    for path in ("/home/", "/visits/", "/messages/", "/payments/", "/account/family/"):
        if state != "open" or not rights:
            assert "Amira" not in page(client, path), path


def test_a_proxy_who_may_book_but_not_read_sees_no_note_and_no_reason(
    visit: Appointment, layla: Patient, lina: Doctor, browse: Browse, now: datetime
) -> None:
    room = Consultation.objects.get(appointment=visit)
    ClinicalNote.objects.create(
        consultation=room, patient_id=visit.patient_id, author=lina, complaint="c", findings="Secret finding",
        diagnoses=[{"code": "I10", "name": "Hypertension"}], plan="Secret plan", updated_at=now, signed_at=now,
    )  # fmt: skip
    cast.proxy(visit.patient, cast.user_of(layla), "book", now=now)
    text = page(browse(cast.user_of(layla)), f"/visits/{visit.pk}/") + page(browse(cast.user_of(layla)), "/home/")
    assert [said in text for said in ("Dr Lina", "Secret", "Hypertension", "Headaches")] == [True, False, False, False]


def test_every_act_of_a_proxy_is_logged_with_the_proxy_and_the_patient(
    visit: Appointment, amira: Patient, layla: Patient, browse: Browse, now: datetime
) -> None:
    cast.proxy(amira, cast.user_of(layla), "book", "read", "message", "pay", now=now)
    client = browse(cast.user_of(layla))
    room = Consultation.objects.get(appointment=visit)
    for path in (
        f"/family/{amira.pk}/record/", f"/visits/{visit.pk}/", "/visits/", f"/messages/{room.pk}/", "/messages/", "/account/family/", "/home/",
    ):  # fmt: skip
        before = AuditEvent.objects.filter(actor_id=layla.user_id, patient_id=amira.pk).count()
        page(client, path)
        assert AuditEvent.objects.filter(actor_id=layla.user_id, patient_id=amira.pk).count() > before, path
    seen = page(browse(cast.user_of(amira)), "/record/sharing/")
    assert ("Layla Haddad" in seen, "Acts for the patient: daughter" in seen) == (True, True)
    assert "Layla" not in page(browse(cast.user_of(amira)), "/visits/")


# --- of age -------------------------------------------------------------------------------------------------------------
def checked(who: Patient, now: datetime, name: str = "Karim Osman", born: date = date(2019, 5, 20)) -> None:
    """Staff compared a face with a document of this name and birth date."""
    IdentityCheck.objects.create(
        user=cast.user_of(who), level=1, state="approved", name=name, birth_date=born, sent_at=now, decided_at=now,
        decided_by=cast.user_of(who), expires_at=now + timedelta(days=700),
    )  # fmt: skip


def grown(karim: Patient, time: Time, address: str | None = "karim@example.com") -> None:
    """The day on which Karim is eighteen."""
    karim.own_address = address
    karim.save(update_fields=["own_address"])
    time.now = datetime.fromisoformat("2037-05-20T08:00:00+00:00")


def test_the_day_before_eighteen_nothing_changes(amira: Patient, karim: Patient, browse: Browse, time: Time) -> None:
    grown(karim, time)
    time.move(days=-1)
    assert majority.tidy(time.now) == 0
    assert browse(cast.user_of(amira)).get(f"/family/{karim.pk}/record/").status_code == 200


def test_on_the_day_of_majority_parents_lose_their_rights_and_both_are_told(
    amira: Patient, karim: Patient, browse: Browse, time: Time
) -> None:
    from tests.patients.family_kit import deliver

    grown(karim, time)
    assert (majority.tidy(time.now), majority.tidy(time.now)) == (1, 0)
    deliver(time.now)
    client = browse(cast.user_of(amira))
    assert client.get(f"/family/{karim.pk}/record/").status_code == 404
    assert Proxy.objects.get(patient=karim).ending == "of_age"
    assert [(row.channel, row.subject) for row in Message.objects.filter(kind="family.of_age").order_by("channel")] == [
        ("email", "A child is of age"), ("inbox", "A child is of age"),
    ]  # fmt: skip
    offer = Message.objects.get(kind="family.invitation")
    assert (offer.address, "Karim" in offer.subject + offer.body) == ("karim@example.com", False)


def test_the_young_adult_takes_the_record_over_with_their_birth_date(
    amira: Patient, karim: Patient, browse: Browse, time: Time
) -> None:
    grown(karim, time)
    majority.tidy(time.now)
    young = cast.patient("karim@example.com", "", now=time.now, complete=False)
    client = browse(cast.user_of(young))
    link = Message.objects.get(kind="family.invitation").link
    assert "Show us first who you are" in page(client, link)
    checked(young, time.now)
    assert "Karim" not in page(client, link)
    wrong = client.post(link, {"birth_date_day": "21", "birth_date_month": "5", "birth_date_year": "2019"})
    assert (wrong.status_code, "not the birth date" in wrong.content.decode()) == (422, True)
    right = {"birth_date_day": "20", "birth_date_month": "5", "birth_date_year": "2019"}
    assert client.post(link, right)["Location"] == "/record/"
    assert "Peanuts" in page(client, "/record/")
    karim.refresh_from_db()
    assert (karim.user_id, karim.own_address) == (young.user_id, None)
    assert client.post(link, right).status_code == 410


def test_without_an_address_a_parent_says_where_the_young_adult_is_reached(
    amira: Patient, karim: Patient, mateo: Patient, browse: Browse, time: Time
) -> None:
    client, path = browse(cast.user_of(amira)), f"/family/{karim.pk}/hand-over/"
    assert client.get(path).status_code == 404  # not before
    grown(karim, time, address=None)
    majority.tidy(time.now)
    client = sure(browse, amira, time.now)
    assert Invitation.objects.count() == 0
    assert "Karim Osman is of age" in page(client, "/account/family/")
    assert "This is your own address" in client.post(path, {"address": "amira@example.com"}).content.decode()
    assert client.post(path, {"address": "karim@example.com"})["Location"] == "/account/family/"
    assert Message.objects.get(kind="family.invitation").address == "karim@example.com"
    assert browse(cast.user_of(mateo)).get(path).status_code == 404
    assert client.get(f"/family/{karim.pk}/record/").status_code == 404


def test_five_wrong_birth_dates_end_the_offer(amira: Patient, karim: Patient, browse: Browse, time: Time) -> None:
    grown(karim, time)
    majority.tidy(time.now)
    young = cast.patient("karim@example.com", "", now=time.now, complete=False)
    checked(young, time.now)
    client, link = browse(cast.user_of(young)), Message.objects.get(kind="family.invitation").link
    for day in range(1, 6):
        client.post(link, {"birth_date_day": str(day), "birth_date_month": "5", "birth_date_year": "2019"})
    answer = client.post(link, {"birth_date_day": "20", "birth_date_month": "5", "birth_date_year": "2019"})
    assert "Too many wrong birth dates" in answer.content.decode()
    karim.refresh_from_db()
    assert karim.user is None


def test_a_parent_cannot_take_the_record_of_a_grown_child(amira: Patient, karim: Patient, time: Time) -> None:
    grown(karim, time, address="amira@example.com")
    majority.tidy(time.now)
    row = Invitation.objects.get(kind="control")
    for how in ("alone", "checked as herself"):
        if how != "alone":
            checked(amira, time.now, name="Amira Osman", born=date(1985, 3, 12))
        with pytest.raises(invitations.NotYours if how != "alone" else invitations.NotChecked):
            invitations.take_over(row, date(2019, 5, 20), by=cast.user_of(amira), now=time.now)
    karim.refresh_from_db()
    assert karim.user is None


@pytest.mark.parametrize(
    ("name", "born"), [("Amira Osman", date(1985, 3, 12)), ("Karim Osman", date(1985, 3, 12)), ("Amira Osman", date(2019, 5, 20))]
)  # fmt: skip
def test_a_parent_cannot_take_it_with_a_second_account(
    amira: Patient, karim: Patient, browse: Browse, time: Time, name: str, born: date
) -> None:
    grown(karim, time, address="amira.too@example.com")
    majority.tidy(time.now)
    second = cast.patient("amira.too@example.com", "", now=time.now, complete=False)
    client, link = browse(cast.user_of(second)), Message.objects.get(kind="family.invitation").link
    right = {"birth_date_day": "20", "birth_date_month": "5", "birth_date_year": "2019"}
    for expected in ("Show us first who you are", "Only the person themselves"):
        answer = client.post(link, right)
        assert expected in answer.content.decode()
        checked(second, time.now, name=name, born=born)
    karim.refresh_from_db()
    assert karim.user is None


def test_who_filled_in_who_they_are_for_the_check_takes_the_record_over(
    karim: Patient, browse: Browse, time: Time
) -> None:
    grown(karim, time)
    majority.tidy(time.now)
    young = cast.patient("karim@example.com", "", now=time.now, complete=False)
    Patient.objects.filter(pk=young.pk).update(completed_at=time.now)
    checked(young, time.now, name="OSMAN, Karim".replace(",", ""))
    link = Message.objects.get(kind="family.invitation").link
    right = {"birth_date_day": "20", "birth_date_month": "5", "birth_date_year": "2019"}
    assert browse(cast.user_of(young)).post(link, right)["Location"] == "/record/"


def test_what_parents_gave_to_others_ends_with_majority(
    amira: Patient, karim: Patient, layla: Patient, mateo: Patient, time: Time
) -> None:
    grown(karim, time)
    for patient, by in ((karim, amira), (mateo, mateo)):
        family.give(
            patient, cast.user_of(layla), relation="FRND", rights=["read"], until=time.now + timedelta(days=300),
            by=cast.user_of(by), now=time.now - timedelta(days=9),
        )  # fmt: skip
    assert majority.tidy(time.now) == 1
    assert set(Proxy.objects.filter(patient=karim).values_list("ending", flat=True)) == {"of_age"}
    assert Proxy.objects.open().get().patient == mateo
    assert Patient.objects.to_hand_over(cast.user_of(layla)).count() == 0


def test_a_record_that_is_filled_in_already_is_not_thrown_away(
    amira: Patient, karim: Patient, mateo: Patient, time: Time
) -> None:
    grown(karim, time, address="mateo@example.com")
    majority.tidy(time.now)
    checked(mateo, time.now)
    with pytest.raises(invitations.OtherRecord):
        invitations.take_over(
            Invitation.objects.get(kind="control"), date(2019, 5, 20), by=cast.user_of(mateo), now=time.now
        )
    assert Patient.objects.filter(user=mateo.user).get() == mateo


def test_the_age_of_majority_is_that_of_the_clinics_country(amira: Patient, karim: Patient, time: Time) -> None:
    from telemed.accounts.clinics import forget_clinics, the_clinic

    clinic = the_clinic()
    clinic.country = "EG"  # twenty-one
    clinic.save()
    forget_clinics()
    grown(karim, time)
    assert majority.tidy(time.now) == 0
    time.now = time.now.replace(year=2040)
    assert majority.tidy(time.now) == 1


# --- what a proxy cannot see, they cannot end ----------------------------------------------------------------------------
def test_a_proxy_saves_the_profile_without_losing_what_is_hidden_from_them(
    amira: Patient, layla: Patient, browse: Browse, now: datetime
) -> None:
    cast.proxy(amira, cast.user_of(layla), "book", "read", now=now)
    Allergy.objects.filter(patient=amira).update(hidden_from_proxies=True)
    client = browse(cast.user_of(layla))
    assert client.get(f"/family/{amira.pk}/profile/").context["form"].initial["allergies"] == ""
    assert "Penicillin" not in page(client, f"/family/{amira.pk}/record/")
    answer = client.post(f"/family/{amira.pk}/profile/", PROFILE | {"allergies": "Latex"})
    assert answer["Location"] == "/account/family/"
    assert sorted(row.substance for row in Allergy.objects.filter(patient=amira, ended_at=None)) == [
        "Latex",
        "Penicillin",
    ]
    assert profile.record_of(cast.user_of(layla), now=now).name == "Layla Haddad"


@pytest.mark.parametrize("rule", ["majority", "digital_consent"])
def test_every_age_says_where_it_was_read_or_that_nobody_has_checked_it(rule: str) -> None:
    for country, row in ages()[rule].items():
        assert (10 < row["age"] < 22, bool(row["law"])) == (True, True), country
        assert set(row["unverified"]) <= {"age", "law", "section", "since"}, country
        assert ("age" in row["unverified"]) is ("seen" not in row), country
        assert "since" in row["unverified"] or date.fromisoformat(row["since"]), country
        assert "section" in row["unverified"] or row["section"], country
