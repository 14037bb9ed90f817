"""Incidents and breaches: exactly the duties that follow from the facts, their clocks, and what is said."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from adminops import tasks
from adminops.compliance import clocks, incidents, places
from adminops.models import Duty, Incident
from adminops.states import DutyState, IncidentState, Protection, Risk, Standing
from telemed.accounts.clinics import the_clinic
from telemed.accounts.models import User
from telemed.core.models import AuditEvent
from telemed.notifications.models import Message
from tests import cast
from tests.adminops.test_approvals import deliver
from tests.adminops.test_roles import office
from tests.conftest import NOW, Browse, Time

PEOPLE = {"US-CA": 510, "DE": 70, "IN": 40}  # 620 patients in three regions
KNOWN = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
FACTS: dict[str, Any] = {
    "title": "Stolen laptop", "what": "A laptop with a list of patients was stolen from a car.", "happened_at": KNOWN - timedelta(days=2),
    "discovered_at": KNOWN, "standing": Standing.CLINIC, "protection": Protection.READABLE, "kinds": ["identity", "health"],
}  # fmt: skip
LATER = datetime(2027, 6, 1, 9, 30, tzinfo=UTC)
HOURS, DAYS = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def privacy(db: None) -> User:
    return cast.staff("privacy@example.com", "compliance", name="Petra Privacy")


@pytest.fixture
def row(privacy: User, now: datetime) -> Incident:
    return incidents.record(FACTS, PEOPLE, clinic=the_clinic(), by=privacy, now=now)


def facts(**other: Any) -> clocks.Facts:
    known: dict[str, Any] = {
        "discovered_at": KNOWN, "standing": Standing.CLINIC, "protection": Protection.READABLE, "risk": Risk.OPEN, "people": PEOPLE, "home": "GB",
        "tz": ZoneInfo("Europe/London"),
    }  # fmt: skip
    return clocks.Facts(**{**known, **other})


def due(**other: Any) -> list[tuple[str, str, timedelta]]:
    """(rule, place, how long after the discovery)."""
    known = facts(**other)
    return [(row.code, row.place, row.at - known.discovered_at) for row in clocks.due(known)]


def codes(**other: Any) -> list[str]:
    return sorted(row.code for row in clocks.due(facts(**other)))


# --- which duties follow
def test_620_patients_in_three_regions_make_exactly_these_duties() -> None:
    assert due() == [
        ("certin", "IN", 6 * HOURS),
        ("gdpr-33", "DE", 72 * HOURS),
        ("gdpr-34", "EU", 72 * HOURS),
        ("hipaa-404", "US", 60 * DAYS),
        ("hipaa-406", "US-CA", 60 * DAYS),
        ("hipaa-408", "US", 60 * DAYS),
    ]


def test_from_may_2027_india_asks_for_more() -> None:
    day = datetime(2027, 5, 13, 12, tzinfo=UTC)
    assert "dpdp-board" not in codes(discovered_at=day)
    added = [row for row in due(discovered_at=day + DAYS) if row not in due()]
    assert added == [
        ("dpdp-first", "IN", 24 * HOURS),
        ("dpdp-board", "IN", 72 * HOURS),
        ("dpdp-people", "IN", 72 * HOURS),
    ]


def test_what_only_left_encrypted_takes_the_path_of_secured_data() -> None:
    """No breach of unsecured PHI (45 CFR 164.402), no letter (GDPR Art. 34(3)(a)); the cyber incident itself is reported."""
    sealed = {"protection": Protection.SEALED, "risk": Risk.LOW}
    assert due(**sealed) == [("certin", "IN", 6 * HOURS)]
    assert codes(protection=Protection.SEALED, people={"US-CA": 510, "US-NV": 30}) == []
    assert codes(protection=Protection.SEALED, people={"DE": 70}) == ["gdpr-33"]  # until the low risk is shown
    assert codes(**sealed, discovered_at=LATER) == ["certin", "dpdp-board", "dpdp-first", "dpdp-people"]
    assert codes(protection=Protection.BROKEN) == codes()


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        ({"US-CA": 499}, ["hipaa-404", "hipaa-408-year"]),
        ({"US-CA": 500}, ["hipaa-404", "hipaa-408"]),
        ({"US-CA": 501}, ["hipaa-404", "hipaa-406", "hipaa-408"]),
        ({"US-CA": 501, "US-NV": 501, "US-TX": 500}, ["hipaa-404", "hipaa-406", "hipaa-406", "hipaa-408"]),
        ({"US-CA": 1, "JP": 600}, ["hipaa-404", "hipaa-408"]),
        ({"JP": 600}, []),
    ],
)
def test_the_usa_counts_by_state_and_altogether(people: dict[str, int], expected: list[str]) -> None:
    assert codes(people=people) == expected


def test_fewer_than_500_are_told_to_hhs_sixty_days_after_the_end_of_the_year() -> None:
    row = next(row for row in clocks.due(facts(people={"US-CA": 20})) if row.code == "hipaa-408-year")
    assert row.at == datetime(2027, 3, 2, tzinfo=ZoneInfo("Europe/London"))  # the first of March has ended
    leap = next(
        row for row in clocks.due(facts(people={"US-CA": 20}, discovered_at=LATER)) if row.code == "hipaa-408-year"
    )
    assert leap.at.date().isoformat() == "2028-03-01"


def test_whoever_works_for_the_clinic_tells_the_clinic() -> None:
    assert due(standing=Standing.PROCESSOR) == [
        ("certin", "IN", 6 * HOURS),
        ("gdpr-33-2", "EU", 24 * HOURS),
        ("hipaa-410", "US", 60 * DAYS),
    ]


def test_outside_hipaa_the_rule_of_the_ftc_holds() -> None:
    people = {"US-CA": 500, "US-NV": 30}
    assert codes(standing=Standing.APP, people=people) == ["ftc", "ftc-media", "ftc-people"]
    assert codes(standing=Standing.APP, people={"US-CA": 499}) == ["ftc-people", "ftc-year"]
    assert codes(standing=Standing.APP, people=people, discovered_at=datetime(2024, 7, 28, tzinfo=UTC)) == []


@pytest.mark.parametrize(
    ("risk", "expected"),
    [
        (Risk.OPEN, ["gdpr-33", "gdpr-34"]),
        (Risk.HIGH, ["gdpr-33", "gdpr-34"]),
        (Risk.SOME, ["gdpr-33"]),
        (Risk.LOW, []),
    ],
)
def test_how_likely_harm_is_decides_in_europe(risk: str, expected: list[str]) -> None:
    assert codes(people={"DE": 70}, risk=risk) == expected
    assert codes(people={"GB": 70}, risk=risk) == [code.replace("gdpr", "uk") for code in expected]


def test_a_low_risk_is_no_breach_in_the_usa() -> None:
    assert (codes(people={"US-CA": 510}, risk=Risk.LOW), codes(people={"US-CA": 510}, risk=Risk.SOME)[0]) == (
        [],
        "hipaa-404",
    )


def test_a_clinic_in_europe_tells_its_own_authority_and_one_from_outside_that_of_each_country() -> None:
    people = {"DE": 5, "FR": 6, "GB": 7}
    places_told = {
        home: [row.place for row in clocks.due(facts(people=people, home=home)) if row.code == "gdpr-33"]
        for home in ("GB", "FR")
    }
    assert places_told == {"GB": ["DE", "FR"], "FR": ["FR"]}


def test_every_clock_is_dated_and_says_where_it_comes_from() -> None:
    assert len({row.code for row in clocks.CLOCKS}) == len(clocks.CLOCKS) == 19
    for rule in clocks.CLOCKS:
        assert rule.since < LATER.date() or rule.since == clocks.PROPOSED, rule.code
        assert any(word in rule.source for word in ("CFR", "Regulation", "GDPR", "DPDP", "CERT-In")), rule.code
        assert ("no number" in rule.source) == (clocks.HOUSE in rule.source), rule.code


def test_what_is_only_proposed_makes_no_duty_yet() -> None:
    """The 24 hours of a business associate after its contingency plan (90 FR 898) stand in the table with their source."""
    helper = {"standing": Standing.PROCESSOR, "people": {"US-CA": 510}}
    assert codes(**helper, discovered_at=LATER) == ["hipaa-410"]
    proposed = clocks.rule("hipaa-contingency")
    assert (proposed.since, proposed.within, proposed.to) == (clocks.PROPOSED, 24 * HOURS, "controller")


def test_an_hour_that_a_clock_change_takes_away_is_no_hour_less() -> None:
    spring = datetime(2026, 3, 28, 20, tzinfo=ZoneInfo("Europe/London"))
    (row,) = clocks.due(facts(discovered_at=spring, people={"IN": 4}))
    assert row.at.astimezone(UTC) - spring.astimezone(UTC) == 6 * HOURS


def test_places_have_names_and_the_usa_its_states() -> None:
    assert (places.name("US-CA"), places.name("DE")) == ("California, United States", "Germany")
    offered = dict(places.choices())
    assert ("US" in offered, len([code for code in offered if code.startswith("US-")]), "EU" in offered) == (
        False,
        56,
        False,
    )


# --- the duties of an incident
def left(row: Incident) -> list[str]:
    return sorted(row.duties.filter(state=DutyState.DUE).values_list("rule", flat=True))


def test_duties_follow_the_facts_and_what_was_done_stays_done(row: Incident, privacy: User, now: datetime) -> None:
    assert left(row) == ["certin", "gdpr-33", "gdpr-34", "hipaa-404", "hipaa-406", "hipaa-408"]
    first = row.duties.get(rule="certin")
    incidents.done(first, "By their form, case 4711", at=KNOWN + HOURS, by=privacy, now=now)
    incidents.assess(
        row,
        Risk.LOW,
        dict.fromkeys(("nature", "who", "seen", "eased"), "Found again, unopened."),
        "",
        by=privacy,
        now=now,
    )
    assert left(row) == []
    incidents.change(row, FACTS, {**PEOPLE, "FR": 3}, by=privacy, now=now)
    assert left(row) == []
    incidents.assess(row, Risk.SOME, {}, "", by=privacy, now=now)
    assert left(row) == ["gdpr-33", "gdpr-33", "hipaa-404", "hipaa-406", "hipaa-408"]
    assert row.duties.get(rule="certin").done_how == "By their form, case 4711"
    assert row.duties.get(rule="gdpr-34").state == DutyState.VOID


def test_another_discovery_moves_every_clock_that_still_runs(row: Incident, privacy: User, now: datetime) -> None:
    before = row.duties.get(rule="gdpr-33").due_at
    incidents.change(row, {**FACTS, "discovered_at": KNOWN - DAYS}, PEOPLE, by=privacy, now=now)
    assert row.duties.get(rule="gdpr-33").due_at == before - DAYS


def test_each_duty_has_a_letter_with_what_the_law_asks_for(row: Incident) -> None:
    letter = row.duties.get(rule="hipaa-404").draft
    # 45 CFR 164.404(c): what happened with dates, the kinds of data, what people can do, what we do, whom to ask.
    for said in ("A laptop with a list of patients", "18 November 2026", "20 November 2026", "health records", "What you can do", "What we do",
                 the_clinic().phone, the_clinic().email):  # fmt: skip
        assert said in letter, said
    report = row.duties.get(rule="gdpr-33").draft
    # Art. 33(3): nature, categories and numbers, contact, likely consequences, measures.
    for said in (
        "620 people",
        "Germany: 70",
        "California, United States: 510",
        "Art. 33(1)",
        "Privacy officer",
        "What is likely to follow",
        "[What was done",
    ):
        assert said in report, said
    assert "California" in row.duties.get(rule="hipaa-406").draft
    assert all("{{" not in duty.draft and "&#" not in duty.draft for duty in row.duties.all())


def test_what_a_person_wrote_is_not_written_anew(row: Incident, privacy: User, now: datetime) -> None:
    letter, report = row.duties.get(rule="hipaa-404"), row.duties.get(rule="gdpr-33")
    incidents.write(letter, "Dear Ms Osman, …", by=privacy, now=now)
    incidents.assess(row, Risk.HIGH, {}, "The disk was wiped from afar.", by=privacy, now=now)
    letter.refresh_from_db()
    report.refresh_from_db()
    assert (letter.draft, "wiped from afar" in report.draft) == ("Dear Ms Osman, …", True)


def test_nothing_of_it_is_readable_in_the_database(row: Incident) -> None:
    raw = str(Incident.objects.values_list()) + str(Duty.objects.values_list())
    assert [word for word in ("laptop", "Stolen", "patients") if word in raw] == []


def test_how_somebody_was_told_is_readable_to_nobody_who_holds_the_database(
    row: Incident, privacy: User, now: datetime
) -> None:
    duty = row.duties.select_related("incident").first()
    assert duty
    incidents.done(duty, "By telephone, to Amira Osman", at=now, by=privacy, now=now)
    assert "Amira" not in str(Duty.objects.values_list())
    assert Duty.objects.get(pk=duty.pk).done_how == "By telephone, to Amira Osman"


def test_an_incident_is_closed_when_everybody_was_told(row: Incident, privacy: User, now: datetime) -> None:
    with pytest.raises(incidents.StillDue):
        incidents.close(row, by=privacy, now=now)
    for duty in row.duties.select_related("incident"):
        incidents.done(duty, "Told", at=now, by=privacy, now=now)
    incidents.close(row, by=privacy, now=now)
    assert Incident.objects.get().state == IncidentState.CLOSED
    with pytest.raises(incidents.Closed):
        incidents.change(row, FACTS, PEOPLE, by=privacy, now=now)
    with pytest.raises(incidents.Closed):
        incidents.close(Incident.objects.get(), by=privacy, now=now)


def test_the_database_keeps_a_done_duty_whole_and_once(row: Incident) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        row.duties.update(state=DutyState.DONE)
    with pytest.raises(IntegrityError), transaction.atomic():
        row.duties.filter(rule="gdpr-34").update(rule="gdpr-33", place="DE")


# --- clocks
def mails(kind: str) -> list[str]:
    return [f"{message.address}" for message in Message.objects.filter(kind=kind, channel="email")]


def test_the_privacy_officer_is_warned_before_and_told_when_it_is_late(privacy: User, time: Time) -> None:
    row = incidents.record(
        {**FACTS, "discovered_at": NOW, "happened_at": None}, {"DE": 70}, clinic=the_clinic(), by=privacy, now=NOW
    )
    incidents.assess(row, Risk.SOME, {}, "", by=privacy, now=NOW)
    time.move(hours=47, minutes=59)
    tasks.tidy()
    assert mails("incident.soon") == []
    time.move(minutes=1)  # a third of 72 hours is left
    for _ in range(3):
        tasks.tidy()
    assert (mails("incident.soon"), mails("incident.late")) == (["privacy@example.com"], [])
    told = Message.objects.get(kind="incident.soon", channel="email")
    duty = row.duties.get(rule="gdpr-33")
    assert "25 November 2026" in told.body
    assert told.link == f"/admin/incidents/{row.pk}/{duty.pk}/"
    time.move(hours=24)
    for _ in range(3):
        tasks.tidy()
    assert mails("incident.late") == ["privacy@example.com"]


def test_sixty_days_are_warned_of_a_week_before_and_a_done_duty_never(privacy: User, time: Time) -> None:
    row = incidents.record(
        {**FACTS, "discovered_at": NOW, "happened_at": None}, {"US-CA": 20}, clinic=the_clinic(), by=privacy, now=NOW
    )
    time.move(days=52, hours=23)
    tasks.tidy()
    assert mails("incident.soon") == []
    incidents.done(row.duties.get(rule="hipaa-404"), "Letters", at=NOW, by=privacy, now=time.now)
    time.move(days=2)
    tasks.tidy()
    assert mails("incident.soon") == []
    time.move(days=38)  # a week before 60 days after the end of the year
    tasks.tidy()
    assert mails("incident.soon") == ["privacy@example.com"]


def test_a_colleague_who_handles_incidents_is_told_of_a_new_one(row: Incident, privacy: User, now: datetime) -> None:
    second = cast.staff("second@example.com", "compliance")
    cast.staff("grace@example.com", "support")
    incidents.record(FACTS, PEOPLE, clinic=the_clinic(), by=privacy, now=now)
    deliver()
    assert mails("incident.opened") == ["second@example.com"] * 2
    assert "laptop" not in str([(m.subject, m.body) for m in Message.objects.filter(user=second)])


# --- pages
def typed(**other: Any) -> dict[str, Any]:
    rows = {
        "places-TOTAL_FORMS": "4",
        "places-INITIAL_FORMS": "0",
        "places-MIN_NUM_FORMS": "0",
        "places-MAX_NUM_FORMS": "300",
    }
    for number, (place, people) in enumerate(PEOPLE.items()):
        rows |= {f"places-{number}-place": place, f"places-{number}-people": str(people)}
    return {
        "title": "Stolen laptop", "what": "A laptop with a list of patients.", "happened_at": "2026-11-18T09:30", "discovered_at": "2026-11-20T09:30",
        "standing": "clinic", "protection": "readable", "kinds": ["identity", "health"], **rows, **other,
    }  # fmt: skip


@pytest.fixture
def desk(privacy: User, browse: Browse) -> Client:
    return office(browse, privacy)


def test_the_privacy_officer_records_assesses_tells_and_closes(desk: Client, privacy: User, time: Time) -> None:
    sent = desk.post("/admin/incidents/new/", typed())
    row = Incident.objects.get()
    assert (sent["Location"], row.discovered_at, row.places.count()) == (f"/admin/incidents/{row.pk}/", KNOWN, 3)
    queue = desk.get("/admin/incidents/").content.decode()
    assert (
        queue.index("CERT-In")
        < queue.index("The data protection authority, Germany")
        < queue.index("HHS breach portal")
    )
    assert queue.count("<strong>late</strong>") == 1  # six hours are long over; 72 end tomorrow at half past nine
    page = desk.get(f"/admin/incidents/{row.pk}/").content.decode()
    assert ("California, United States: 510" in page, "all: 620" in page) == (True, True)
    desk.post(f"/admin/incidents/{row.pk}/", {"risk": "some", "measures": "Wiped from afar."})
    assert left(row) == ["certin", "gdpr-33", "hipaa-404", "hipaa-406", "hipaa-408"]
    duty = row.duties.get(rule="gdpr-33")
    place = f"/admin/incidents/{row.pk}/{duty.pk}/"
    assert "Wiped from afar." in desk.get(place).content.decode()
    desk.post(place, {"draft": "Our report."})
    desk.post(place, {"how": "By their form", "at": "2026-11-21T12:00"})
    duty.refresh_from_db()
    assert (duty.draft, duty.state, duty.done_by, duty.done_how) == (
        "Our report.",
        DutyState.DONE,
        privacy,
        "By their form",
    )
    desk.post(f"/admin/incidents/{row.pk}/", {"close": "1"})
    assert Incident.objects.get().state == IncidentState.OPEN
    assert "Somebody must still be told" in desk.get(f"/admin/incidents/{row.pk}/").content.decode()
    for other in row.duties.filter(state=DutyState.DUE):
        desk.post(f"/admin/incidents/{row.pk}/{other.pk}/", {"how": "Told", "at": "2026-11-22T09:00"})
    desk.post(f"/admin/incidents/{row.pk}/", {"close": "1"})
    assert Incident.objects.get().state == IncidentState.CLOSED
    assert "Closed on" in desk.get(f"/admin/incidents/{row.pk}/").content.decode()
    assert set(AuditEvent.objects.filter(entity="adminops.incident", actor_id=privacy.pk).values_list("action", flat=True)) == {
        "create", "read", "search", "update",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"discovered_at": "2026-11-23T09:30"}, "still to come"),
        ({"happened_at": "2026-11-21T09:30"}, "cannot have happened after"),
        ({"places-1-people": ""}, "Enter both, or neither"),
        ({"places-1-place": "US-CA"}, "stands there twice"),
        ({"places-1-people": "-4"}, "greater than or equal to 1"),
        ({"kinds": []}, "Choose at least one thing."),
        ({"standing": "else"}, "Select a valid choice"),
        ({"title": "x" * 121}, "at most 120"),
        ({"discovered_at": "yesterday"}, "Enter a valid date/time"),
    ],
)
def test_what_does_not_add_up_is_explained_and_kept(desk: Client, wrong: dict[str, Any], said: str) -> None:
    page = desk.post("/admin/incidents/new/", typed(**wrong))
    assert (
        page.status_code,
        said in page.content.decode(),
        "A laptop with a list of patients." in page.content.decode(),
    ) == (422, True, True)
    assert Incident.objects.count() == 0


def test_somebody_must_be_concerned(desk: Client) -> None:
    empty = {f"places-{number}-{part}": "" for number in range(3) for part in ("place", "people")}
    page = desk.post("/admin/incidents/new/", typed(**empty))
    assert (page.status_code, "at least one of the people" in page.content.decode()) == (422, True)


def test_a_low_risk_must_be_shown_by_all_four_answers(desk: Client, row: Incident) -> None:
    answers = {"risk": "low", "nature": "Names only", "who": "Nobody", "seen": "No"}
    page = desk.post(f"/admin/incidents/{row.pk}/", answers)
    assert (
        page.status_code,
        "A low risk must be shown" in page.content.decode(),
        "Names only" in page.content.decode(),
    ) == (422, True, True)
    desk.post(f"/admin/incidents/{row.pk}/", {**answers, "eased": "It is back"})
    row.refresh_from_db()
    assert (row.risk, row.factors["eased"], left(row)) == ("low", "It is back", ["certin"])


def test_facts_are_changed_and_places_added(desk: Client, row: Incident) -> None:
    page = desk.get(f"/admin/incidents/{row.pk}/facts/").content.decode()
    assert ('value="510"' in page, 'value="2026-11-20T09:30"' in page) == (True, True)
    more = {"places-TOTAL_FORMS": "7", "places-INITIAL_FORMS": "3", "places-3-place": "FR", "places-3-people": "9"}
    assert desk.post(f"/admin/incidents/{row.pk}/facts/", typed(**more))["Location"] == f"/admin/incidents/{row.pk}/"
    assert sorted(row.duties.filter(rule="gdpr-33").values_list("place", flat=True)) == ["DE", "FR"]


def test_nobody_was_told_before_it_was_discovered_or_tomorrow(desk: Client, row: Incident) -> None:
    duty = row.duties.get(rule="certin")
    for at in ("2026-11-20T09:29", "2026-11-22T10:01"):
        page = desk.post(f"/admin/incidents/{row.pk}/{duty.pk}/", {"how": "Told", "at": at})
        assert (page.status_code, "before the incident was discovered" in page.content.decode()) == (422, True)
    assert Duty.objects.get(pk=duty.pk).state == DutyState.DUE


def test_only_who_holds_the_task_sees_incidents(row: Incident, admin: User, browse: Browse) -> None:
    duty = row.duties.first()
    assert duty
    paths = [
        "/admin/incidents/",
        "/admin/incidents/new/",
        f"/admin/incidents/{row.pk}/",
        f"/admin/incidents/{row.pk}/facts/",
        f"/admin/incidents/{row.pk}/{duty.pk}/",
    ]
    for person in (admin, cast.staff("grace@example.com", "support")):
        client = office(browse, person)
        assert [client.get(path).status_code for path in paths] == [403] * 5
        assert [client.post(path, typed()).status_code for path in paths[1:]] == [403] * 4
        assert "laptop" not in "".join(client.get(path).content.decode() for path in paths)


def test_a_duty_of_another_incident_is_not_found_under_this_one(
    desk: Client, row: Incident, privacy: User, now: datetime
) -> None:
    second = incidents.record(FACTS, PEOPLE, clinic=the_clinic(), by=privacy, now=now)
    duty = second.duties.first()
    assert duty
    assert desk.get(f"/admin/incidents/{row.pk}/{duty.pk}/").status_code == 404


@pytest.mark.parametrize("count", [1, 3])
def test_the_queue_asks_the_same_few_questions_for_one_incident_and_for_three(
    desk: Client, privacy: User, now: datetime, count: int, django_assert_max_num_queries: Any
) -> None:
    for _ in range(count):
        incidents.record(FACTS, PEOPLE, clinic=the_clinic(), by=privacy, now=now)
    desk.get("/admin/incidents/")
    with django_assert_max_num_queries(14):
        assert desk.get("/admin/incidents/").content.decode().count("Stolen laptop") == count * 7
