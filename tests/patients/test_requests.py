"""Requests about one's data: the clock of the law, who sees them, and what the database refuses."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from consultations.models import Appointment
from doctors.models import Doctor
from patients import queries
from patients.actions import limits, requests
from patients.data import clocks
from patients.models import Addendum, Limit, Patient, PrivacyRequest
from telemed.accounts.clinics import the_clinic
from telemed.accounts.models import Clinic, User
from telemed.core import clock, events
from telemed.core.models import Delivery, Event
from telemed.notifications.models import Message
from tests import cast
from tests.conftest import Browse, Time

Kind = PrivacyRequest.Kind
pytestmark = pytest.mark.django_db
JANUARY = datetime(2027, 1, 31, 9, 30, tzinfo=UTC)


def deliver() -> None:
    later = clock.now() + timedelta(minutes=1)
    for delivery in Delivery.objects.values_list("pk", flat=True):
        events.deliver(delivery, now=later)


@pytest.mark.parametrize(
    ("kind", "countries", "rule", "due", "longest"),
    [
        (Kind.ACCESS, {"DE"}, "GDPR 12(3)", datetime(2027, 2, 28, 9, 30, tzinfo=UTC), datetime(2027, 4, 28, 9, 30, tzinfo=UTC)),
        (Kind.ACCESS, {"US"}, "HIPAA 164.524", JANUARY + timedelta(days=30), JANUARY + timedelta(days=60)),
        (Kind.AMENDMENT, {"US"}, "HIPAA 164.526", JANUARY + timedelta(days=60), JANUARY + timedelta(days=90)),
        (Kind.DISCLOSURES, {"US"}, "HIPAA 164.528", JANUARY + timedelta(days=60), JANUARY + timedelta(days=90)),
        (Kind.ACCESS, {"IN"}, "IMC 1.3.2", JANUARY + timedelta(hours=72), None),
        (Kind.ERASURE, {"IN"}, "house", JANUARY + timedelta(days=30), JANUARY + timedelta(days=60)),
        (Kind.ACCESS, {"DE", "IN"}, "IMC 1.3.2", JANUARY + timedelta(hours=72), None),
        (Kind.AMENDMENT, {"US", "FR"}, "GDPR 12(3)", datetime(2027, 2, 28, 9, 30, tzinfo=UTC), datetime(2027, 4, 28, 9, 30, tzinfo=UTC)),
        (Kind.CONCERN, {"US"}, "house", JANUARY + timedelta(days=7), JANUARY + timedelta(days=21)),
        (Kind.ERASURE, {"BR"}, "house", JANUARY + timedelta(days=30), JANUARY + timedelta(days=60)),
    ],
)  # fmt: skip
def test_the_strictest_clock_of_the_clinics_countries_runs(
    kind: str, countries: set[str], rule: str, due: datetime, longest: datetime | None
) -> None:
    clock = clocks.clock_of(kind, countries, JANUARY)
    ends = clock.within.after(JANUARY)
    assert (clock.rule, ends, clock.more and clock.more.after(ends)) == (rule, due, longest)


def test_a_rule_holds_from_its_day_on() -> None:
    clock = clocks.clock_of(Kind.ERASURE, {"IN"}, datetime(2027, 5, 14, tzinfo=UTC))
    assert (clock.rule, clock.within.days) == ("DPDP 14(3)", 90)


def test_a_request_starts_the_clock_of_the_patients_clinics(amira: Patient, now: datetime) -> None:
    Clinic.objects.filter(pk=the_clinic().pk).update(country="IN")
    row = requests.open(Kind.ACCESS, amira, "All of it, please", by=cast.user_of(amira), now=now)
    assert (row.rule, row.due_at - now) == ("IMC 1.3.2", timedelta(hours=72))
    assert PrivacyRequest.objects.get(pk=row.pk).words == "All of it, please"


def test_the_same_thing_is_not_asked_twice_while_it_is_open(amira: Patient, now: datetime) -> None:
    requests.open(Kind.OBJECTION, amira, "No statistics", by=cast.user_of(amira), now=now)
    with pytest.raises(requests.AskedAlready):
        requests.open(Kind.OBJECTION, amira, "Again", by=cast.user_of(amira), now=now)


def test_a_proxy_sees_what_they_asked_while_they_read_the_record_and_nothing_else(
    amira: Patient, karim: Patient, mateo: Patient, now: datetime
) -> None:
    mother = cast.user_of(amira)
    own = requests.open(Kind.ACCESS, amira, "Mine", by=mother, now=now)
    theirs = requests.open(Kind.ACCESS, karim, "My son's", by=mother, now=now)
    requests.open(Kind.ACCESS, mateo, "Not hers", by=cast.user_of(mateo), now=now)
    assert set(PrivacyRequest.objects.for_user(mother)) == {own, theirs}
    karim.proxies.update(closed_at=now, ending="of_age")
    assert set(PrivacyRequest.objects.for_user(mother)) == {own}


# --- the pages ------------------------------------------------------------------------------------------------------
def test_a_patient_asks_for_a_correction_from_the_record_and_reads_by_when_an_answer_comes(
    amira: Patient, browse: Browse
) -> None:
    client, allergy = browse(cast.user_of(amira)), amira.allergies.get()
    place = f"/account/requests/ask/?kind=amendment&about={allergy.about}"
    assert f"about=patients.allergy%3A{allergy.pk}" in client.get("/record/").content.decode()
    assert "Penicillin" in client.get(place).content.decode()
    row_url = client.post(place, {"words": "It was amoxicillin"})["Location"]
    page = client.get(row_url).content.decode()
    assert ("you get an answer by 22 Dec 2026" in page, "It was amoxicillin" in page, "Penicillin" in page) == (
        True,
    ) * 3
    assert PrivacyRequest.objects.get().about == allergy.about
    assert "22 Dec 2026" in client.get("/account/requests/").content.decode()


def test_an_empty_request_is_not_sent_and_keeps_the_page(amira: Patient, browse: Browse) -> None:
    answer = browse(cast.user_of(amira)).post("/account/requests/ask/?kind=erasure", {"words": "  "})
    assert (answer.status_code, "Write what you want" in answer.content.decode()) == (422, True)
    assert PrivacyRequest.objects.count() == 0


@pytest.mark.parametrize(
    "query", ["", "kind=nonsense", "kind=amendment&about=patients.allergy:1", "kind=amendment&about=x:y"]
)
def test_what_does_not_exist_cannot_be_asked_for(amira: Patient, browse: Browse, query: str) -> None:
    assert browse(cast.user_of(amira)).get(f"/account/requests/ask/?{query}").status_code == 404


def test_nobody_asks_about_the_things_of_somebody_else(amira: Patient, mateo: Patient, browse: Browse) -> None:
    theirs = mateo.allergies.get()
    assert (
        browse(cast.user_of(amira)).get(f"/account/requests/ask/?kind=amendment&about={theirs.about}").status_code
        == 404
    )


def test_a_stranger_finds_no_request(amira: Patient, mateo: Patient, browse: Browse, now: datetime) -> None:
    row = requests.open(Kind.ACCESS, amira, "Mine", by=cast.user_of(amira), now=now)
    client = browse(cast.user_of(mateo))
    assert [
        client.get(f"/account/requests/{row.pk}/").status_code,
        client.get(f"/family/{amira.pk}/requests/").status_code,
    ] == [404, 404]
    assert "Mine" not in client.get("/account/requests/").content.decode()


def test_a_request_is_taken_back_once(amira: Patient, browse: Browse, now: datetime) -> None:
    row = requests.open(Kind.ERASURE, amira, "All", by=cast.user_of(amira), now=now)
    client = browse(cast.user_of(amira))
    client.post(f"/account/requests/{row.pk}/", {"withdraw": "1"})
    again = client.post(f"/account/requests/{row.pk}/", {"withdraw": "1"}, follow=True).content.decode()
    assert (PrivacyRequest.objects.get().state, "not open any more" in again) == ("withdrawn", True)


# --- the answer -----------------------------------------------------------------------------------------------------
@pytest.fixture
def officer(admin: User) -> User:
    return cast.staff("privacy@example.com", "compliance", name="Petra Privacy")


@pytest.fixture
def correction(amira: Patient, now: datetime) -> PrivacyRequest:
    about = amira.allergies.get().about
    return requests.open(Kind.AMENDMENT, amira, "It was amoxicillin", about=about, by=cast.user_of(amira), now=now)


def test_an_accepted_correction_stands_beside_the_original_which_stays(
    visit: Appointment,
    amira: Patient,
    lina: Doctor,
    correction: PrivacyRequest,
    officer: User,
    browse: Browse,
    now: datetime,
) -> None:
    requests.decide(
        correction, grant=True, words="You are right", addendum="Amoxicillin, not penicillin", by=officer, now=now
    )
    assert [row.substance for row in amira.allergies.all()] == ["Penicillin"]
    for page in (
        browse(cast.user_of(amira)).get("/record/").content.decode(),
        browse(lina.user).get(f"/clinic/patients/{amira.pk}/").content.decode(),
    ):
        assert ("Penicillin" in page, "Amoxicillin, not penicillin" in page, "Corrected on" in page) == (
            True,
            True,
            True,
        )


def test_a_refused_correction_carries_the_patients_statement(
    visit: Appointment,
    amira: Patient,
    lina: Doctor,
    correction: PrivacyRequest,
    officer: User,
    browse: Browse,
    now: datetime,
) -> None:
    requests.decide(correction, grant=False, words="Dr Lina saw the rash herself", by=officer, now=now)
    client, place = browse(cast.user_of(amira)), f"/account/requests/{correction.pk}/"
    assert "Dr Lina saw the rash herself" in client.get(place).content.decode()
    client.post(place, {"disagree": "1", "d-words": "I never took penicillin"})
    assert [row.disagreement for row in queries.statements(amira.pk)] == ["I never took penicillin"]
    assert "I never took penicillin" in browse(lina.user).get(f"/clinic/patients/{amira.pk}/").content.decode()
    again = client.post(place, {"disagree": "1", "d-words": "Twice"}, follow=True).content.decode()
    assert ("and once" in again, queries.statements(amira.pk)[0].disagreement) == (True, "I never took penicillin")


def test_there_is_no_statement_where_nothing_was_refused(
    correction: PrivacyRequest, amira: Patient, now: datetime
) -> None:
    with pytest.raises(requests.NotToDisagree):
        requests.disagree(correction, "Too early", by=cast.user_of(amira), now=now)


def test_a_correction_without_words_is_not_accepted(correction: PrivacyRequest, officer: User, now: datetime) -> None:
    with pytest.raises(requests.NoWords):
        requests.decide(correction, grant=True, words="Yes", addendum=" ", by=officer, now=now)
    correction.refresh_from_db()
    assert (correction.state, Addendum.objects.count()) == ("received", 0)


def test_what_was_answered_is_not_answered_again(correction: PrivacyRequest, officer: User, now: datetime) -> None:
    requests.decide(correction, grant=False, words="No", by=officer, now=now)
    for again in (True, False):
        with pytest.raises(requests.Closed):
            requests.decide(PrivacyRequest.objects.get(), grant=again, words="x", addendum="y", by=officer, now=now)


def test_the_time_is_extended_once_with_a_reason_and_only_before_it_is_over(
    correction: PrivacyRequest, officer: User, time: Time
) -> None:
    due = correction.due_at
    requests.extend(correction, "We ask the doctor", by=officer, now=time.move(days=20))
    correction.refresh_from_db()
    assert (correction.due_at, correction.extension) == (
        datetime(2027, 2, 22, due.hour, due.minute, tzinfo=UTC),
        "We ask the doctor",
    )
    with pytest.raises(requests.NoMoreTime):
        requests.extend(correction, "Again", by=officer, now=time.move(days=1))


def test_a_clock_that_ran_out_is_not_extended(correction: PrivacyRequest, officer: User, time: Time) -> None:
    with pytest.raises(requests.NoMoreTime):
        requests.extend(correction, "Late", by=officer, now=time.move(days=40))


def test_the_office_is_warned_before_and_told_when_it_is_late_each_once(
    correction: PrivacyRequest, officer: User, time: Time
) -> None:
    seen = []
    for days in (20, 6, 1, 10, 1):  # due on the thirtieth day, warned five days before
        requests.watch(time.move(days=days))
        seen.append(
            sorted(Event.objects.filter(name__startswith="patients.privacyrequest").values_list("name", flat=True))
        )
    first, soon, late = (
        "patients.privacyrequest.received",
        "patients.privacyrequest.soon",
        "patients.privacyrequest.late",
    )
    assert seen == [[first], [first, soon], [first, soon], [late, first, soon], [late, first, soon]]
    deliver()
    kinds = Message.objects.filter(user=officer, channel="email").values_list("kind", flat=True)
    assert sorted(kinds) == ["request.late", "request.received", "request.soon"]


def test_who_asked_hears_of_each_step(correction: PrivacyRequest, officer: User, amira: Patient, time: Time) -> None:
    requests.say(correction, "Which doctor was it?", by=officer, now=time.now)
    requests.extend(correction, "We ask the doctor", by=officer, now=time.move(days=1))
    requests.decide(correction, grant=False, words="No", by=officer, now=time.move(days=1))
    deliver()
    kinds = Message.objects.filter(user=amira.user, channel="email", kind__startswith="request").values_list(
        "kind", flat=True
    )
    assert sorted(kinds) == ["request.message", "request.said", "request.said", "request.said"]


def test_a_question_of_the_office_is_answered_on_the_page(
    correction: PrivacyRequest, officer: User, amira: Patient, browse: Browse, now: datetime
) -> None:
    requests.say(correction, "Which doctor was it?", by=officer, now=now)
    client, place = browse(cast.user_of(amira)), f"/account/requests/{correction.pk}/"
    client.post(place, {"say": "1", "words": "Dr Lina"})
    page = client.get(place).content.decode()
    assert ("Which doctor was it?" in page, "Dr Lina" in page, "Petra Privacy" in page) == (True, True, True)


# --- the rows of the database ---------------------------------------------------------------------------------------
def test_the_database_lets_nobody_delete_a_person_alone(amira: Patient, officer: User, now: datetime) -> None:
    row = requests.open(Kind.ERASURE, amira, "All", by=cast.user_of(amira), now=now)
    row.decision = "Done"
    row.save(update_fields=["decision"])
    facts = {"state": "granted", "answered_at": now, "decided_by": officer}
    for proposed in (None, officer):
        with pytest.raises(IntegrityError), transaction.atomic():
            PrivacyRequest.objects.filter(pk=row.pk).update(**facts, proposed_by=proposed)


@pytest.mark.parametrize(
    ("kind", "may"), [("erasure", False), ("restriction", False), ("objection", False), ("access", True)]
)
def test_who_acts_for_an_adult_does_not_end_the_use_of_their_data(
    kind: str, may: bool, amira: Patient, karim: Patient, layla: Patient, browse: Browse, now: datetime
) -> None:
    cast.proxy(amira, cast.user_of(layla), *("book", "read", "message", "pay"), now=now)
    client, words = browse(cast.user_of(layla)), {"words": "Delete everything"}
    place = f"/family/{amira.pk}/requests/ask/?kind={kind}"
    assert (client.get(place).status_code, client.post(place, words).status_code) == ((200, 302) if may else (404, 404))
    assert (f"kind={kind}" in client.get(f"/family/{amira.pk}/requests/").content.decode()) is may
    assert PrivacyRequest.objects.filter(patient=amira).count() == may
    for own in (f"/account/requests/ask/?kind={kind}", f"/family/{karim.pk}/requests/ask/?kind={kind}"):
        assert browse(cast.user_of(amira)).post(own, words).status_code == 302, own


def test_who_acts_for_an_adult_does_not_lift_their_restriction(
    amira: Patient, layla: Patient, browse: Browse, now: datetime
) -> None:
    cast.proxy(amira, cast.user_of(layla), "read", now=now)
    row = requests.open(Kind.RESTRICTION, amira, "Stop", by=cast.user_of(layla), now=now)  # as it was possible once
    limits.put(amira, Limit.Kind.RESTRICTED, reason="Asked", request=row, by=cast.user_of(layla), now=now)
    browse(cast.user_of(layla)).post(f"/account/requests/{row.pk}/", {"lift": "1"})
    assert Limit.objects.standing().filter(patient=amira).count() == 1
    browse(cast.user_of(amira)).post(f"/account/requests/{row.pk}/", {"lift": "1"})
    assert Limit.objects.standing().filter(patient=amira).count() == 0
