from datetime import datetime
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from consultations.actions import drafts, prescribing
from consultations.models import Appointment, Prescription
from doctors.models import Doctor
from patients.actions import sharing
from patients.models import Patient
from telemed.accounts.actions import factors
from telemed.accounts.models import User
from telemed.core.models import AuditEvent
from tests import cast
from tests.conftest import Browse, Time
from tests.consultations import desk_kit


@pytest.fixture(autouse=True)
def _dictionaries(db: None) -> None:
    desk_kit.dictionaries()


@pytest.fixture
def ready(visit: Appointment, now: datetime) -> Prescription:
    desk_kit.noted(visit, now=now)
    return desk_kit.draft(visit, "amlodipine|tablet|5 mg", now=now)


@pytest.fixture
def paper(visit: Appointment, now: datetime) -> Prescription:
    return desk_kit.signed(visit, now=now)


def fields(row: Prescription, **changes: Any) -> dict[str, Any]:
    """What the form of the builder sends, as it stands."""
    sent = {"revision": row.revision, "advice": row.advice}
    for item in row.items.all():
        names = ("amount", "route", "frequency", "days", "reason", "most", "quantity", "note")
        sent |= {f"{item.pk.hex}-{name}": item.dose[name] for name in names}
    return sent | changes


def edit(row: Prescription) -> str:
    return f"/clinic/prescriptions/{row.pk}/"


# --- writing ----------------------------------------------------------------------------------------------------------
def test_looking_at_a_new_prescription_writes_nothing(visit: Appointment, lina: Doctor, browse: Browse) -> None:
    page = browse(lina.user).get(f"/clinic/prescriptions/new/?visit={visit.pk}")
    assert (page.status_code, Prescription.objects.count()) == (200, 0)
    assert [words in page.content.decode() for words in ("Amira Osman", "41 years", "Penicillin – rash")] == [True] * 3
    assert browse(lina.user).get("/clinic/prescriptions/new/?visit=nonsense").status_code == 404
    assert browse(lina.user).get("/clinic/prescriptions/new/").status_code == 404


def test_the_plain_form_finds_a_medicine_and_adds_it(visit: Appointment, lina: Doctor, browse: Browse) -> None:
    client, new = browse(lina.user), f"/clinic/prescriptions/new/?visit={visit.pk}"
    found = client.post(new, {"wanted": "amlodipine 5", "find": "1"}).content.decode()
    assert 'name="add" value="amlodipine|tablet|5 mg"' in found
    assert (
        client.post(new, {"wanted": "amlodipine 5", "save": "1"})
        .content.decode()
        .count('value="amlodipine|tablet|5 mg"')
        == 1
    )
    answer = client.post(new, {"add": "amlodipine|tablet|5 mg"})
    row = Prescription.objects.get()
    assert answer["location"] == f"{edit(row)}#item-{row.items.get().pk.hex}"
    assert client.get(new)["location"] == edit(row)


def test_what_is_not_in_the_dictionary_is_said(visit: Appointment, lina: Doctor, browse: Browse) -> None:
    client, new = browse(lina.user), f"/clinic/prescriptions/new/?visit={visit.pk}"
    assert "It is not in the dictionary" in client.post(new, {"wanted": "qqqqqq", "find": "1"}).content.decode()
    answer = client.post(new, {"add": "snakeoil|tablet|1 mg"})
    assert (answer.status_code, "This medicine is not in the dictionary" in answer.content.decode()) == (422, True)
    assert client.post(new, {"add": "\0|\0"}).status_code == 422


def test_saving_understands_a_decimal_comma_and_counts_the_supply(
    ready: Prescription, lina: Doctor, browse: Browse
) -> None:
    key = ready.items.get().pk.hex
    sent = fields(
        ready,
        **{
            f"{key}-amount": "0,5",
            f"{key}-frequency": "twice",
            f"{key}-days": "10",
            f"{key}-quantity": "28",
            "save": "1",
        },
    )
    assert browse(lina.user).post(edit(ready), sent).status_code == 302
    dose = ready.items.get().dose
    assert (dose["amount"], dose["quantity"]) == ("0.5", "10")  # 28 was counted before, so it is counted again
    ready = desk_kit.fresh(ready)
    sent = fields(ready, **{f"{key}-quantity": "30", "save": "1"})
    browse(lina.user).post(edit(ready), sent)
    assert ready.items.get().dose["quantity"] == "30"  # what the doctor decides stays


@pytest.mark.parametrize(
    ("name", "typed"),
    [("amount", "one"), ("amount", "1,000"), ("days", "0"), ("days", "400"), ("days", "a week"), ("frequency", "hourly"), ("route", "vein"), ("most", "-1"), ("note", "x" * 201)],
)  # fmt: skip
def test_what_makes_no_sense_is_kept_and_asked_again(
    ready: Prescription, lina: Doctor, browse: Browse, name: str, typed: str
) -> None:
    key = ready.items.get().pk.hex
    answer = browse(lina.user).post(
        edit(ready), fields(ready, **{f"{key}-{name}": typed, "advice": "typed meanwhile", "save": "1"})
    )
    assert (
        answer.status_code,
        "field__error" in answer.content.decode(),
        "typed meanwhile" in answer.content.decode(),
    ) == (422, True, True)
    assert ready.items.get().dose["amount"] == "1"


def test_an_allergy_stops_the_adding_until_a_reason_is_given(ready: Prescription, lina: Doctor, browse: Browse) -> None:
    client, add = browse(lina.user), {"add": "amoxicillin|capsule|500 mg"}
    answer = client.post(edit(ready), fields(ready, **add))
    words = answer.content.decode()
    assert (answer.status_code, "amoxicillin was not added" in words, "is one of the penicillins" in words) == (
        422,
        True,
        True,
    )
    assert f'name="revision" value="{ready.revision}"' in words
    assert client.post(edit(ready), fields(ready, **add, because="Disproved in 2024")).status_code == 302
    assert ready.items.get(position=2).dose["override"]["reason"] == "Disproved in 2024"
    assert "Your reason:" in client.get(edit(ready)).content.decode()


def test_a_second_window_is_told_and_keeps_its_words(ready: Prescription, lina: Doctor, browse: Browse) -> None:
    client = browse(lina.user)
    client.post(edit(ready), fields(ready, advice="from one", save="1"))
    answer = client.post(edit(ready), fields(ready, advice="from two", save="1"))
    assert (answer.status_code, "from two" in answer.content.decode()) == (409, True)
    assert desk_kit.fresh(ready).advice == "from one"


def test_lines_are_removed_and_drafts_thrown_away(
    ready: Prescription, visit: Appointment, lina: Doctor, browse: Browse
) -> None:
    client = browse(lina.user)
    client.post(edit(ready), fields(ready, remove=str(ready.items.get().pk)))
    assert ready.items.count() == 0
    assert client.post(edit(ready), {"discard": "1"})["location"] == f"/clinic/visits/{visit.pk}/"
    assert Prescription.objects.count() == 0


def test_in_the_panel_of_a_call_the_pages_come_without_a_shell(
    ready: Prescription, visit: Appointment, lina: Doctor, browse: Browse
) -> None:
    client = browse(lina.user)
    page = client.get(f"{edit(ready)}?panel=1").content.decode()
    assert ("<html" in page, '<div class="desk"' in page) == (False, True)
    answer = client.post(f"{edit(ready)}?panel=1", fields(ready, sign="1"))
    assert answer["location"] == f"{edit(ready)}sign/?panel=1"


# --- signing ----------------------------------------------------------------------------------------------------------
def test_signing_asks_once_more_and_then_signs(ready: Prescription, lina: Doctor, browse: Browse) -> None:
    client, page = browse(lina.user), f"{edit(ready)}sign/"
    words = client.get(page).content.decode()
    assert [
        part in words for part in ("amlodipine", "Amira Osman", "Essential (primary) hypertension", "Dr Lina Haddad")
    ] == [True] * 4
    assert desk_kit.fresh(ready).state == "draft"
    assert client.post(page, {"revision": ready.revision})["location"] == f"/prescriptions/{ready.pk}/"
    assert desk_kit.fresh(ready).state == "signed"
    assert client.post(page, {"revision": ready.revision})["location"] == f"/prescriptions/{ready.pk}/"
    assert client.get(edit(ready))["location"] == f"/prescriptions/{ready.pk}/"
    assert client.post(edit(ready), {"discard": "1"})["location"] == f"/prescriptions/{ready.pk}/"


def test_the_confirmation_names_what_is_missing(
    visit: Appointment, lina: Doctor, browse: Browse, now: datetime
) -> None:
    row = desk_kit.draft(visit, "amlodipine|tablet|5 mg", now=now)
    words = browse(lina.user).get(f"{edit(row)}sign/").content.decode()
    assert ("Add a diagnosis to the note first." in words, '<button class="btn btn--primary btn--lg">' in words) == (
        True,
        False,
    )
    assert browse(lina.user).post(f"{edit(row)}sign/", {"revision": row.revision})["location"] == edit(row)
    assert desk_kit.fresh(row).state == "draft"


@pytest.mark.parametrize("revision", ["", "0", "-1", "x", "9" * 30])
def test_only_what_was_shown_is_signed(ready: Prescription, lina: Doctor, browse: Browse, revision: str) -> None:
    assert browse(lina.user).post(f"{edit(ready)}sign/", {"revision": revision})["location"] == edit(ready)
    assert desk_kit.fresh(ready).state == "draft"


def test_cancelling_wants_a_reason(paper: Prescription, lina: Doctor, browse: Browse) -> None:
    client, page = browse(lina.user), f"{edit(paper)}cancel/"
    assert client.post(page, {"reason": ""}).status_code == 422
    assert client.post(page, {"reason": "Wrong strength"}).status_code == 302
    assert desk_kit.fresh(paper).cancel_reason == "Wrong strength"
    assert (
        "Only a signed prescription can be cancelled"
        in client.post(page, {"reason": "again"}, follow=True).content.decode()
    )


# --- reading ----------------------------------------------------------------------------------------------------------
def test_the_patient_reads_and_downloads_it_and_both_are_in_the_log(
    paper: Prescription, amira: Patient, browse: Browse
) -> None:
    client, page = browse(amira.user), f"/prescriptions/{paper.pk}/"
    words = client.get(page).content.decode()
    assert [
        part in words for part in ("amlodipine", "once a day", "Stand up slowly.", "Dr Lina Haddad", "21 May 2027")
    ] == [True] * 5
    answer = client.get(f"/prescriptions/{paper.pk}.pdf?download=1")
    assert (answer["content-type"], answer.getvalue()[:5]) == ("application/pdf", b"%PDF-")
    assert answer["content-disposition"] == f'attachment; filename="{paper.reference}.pdf"'
    last = AuditEvent.objects.filter(entity="consultations.prescription").order_by("-id")[:2]
    assert [(row.action, row.purpose, row.actor_id) for row in last] == [
        ("print", "PATRQT", amira.user.pk),
        ("read", "PATRQT", amira.user.pk),
    ]


def test_a_cancelled_one_says_why(
    paper: Prescription, amira: Patient, lina: Doctor, browse: Browse, now: datetime
) -> None:
    prescribing.cancel(paper, reason="Wrong strength", by=lina.user, now=now)
    words = browse(amira.user).get(f"/prescriptions/{paper.pk}/").content.decode()
    assert [part in words for part in ("This prescription is cancelled", "Wrong strength", "Do not use it.")] == [
        True
    ] * 3


def test_an_expired_one_says_so(paper: Prescription, amira: Patient, browse: Browse, time: Time) -> None:
    time.move(days=181)
    assert "It was valid until 21 May 2027." in browse(amira.user).get(f"/prescriptions/{paper.pk}/").content.decode()


def test_the_patient_never_sees_a_draft(ready: Prescription, amira: Patient, browse: Browse) -> None:
    client = browse(amira.user)
    pages = [f"/prescriptions/{ready.pk}/", f"/prescriptions/{ready.pk}.pdf", edit(ready), f"{edit(ready)}sign/"]
    assert [client.get(page).status_code for page in pages] == [404] * 4
    assert list(Prescription.objects.for_user(amira.user)) == []


def test_strangers_get_nothing(
    paper: Prescription, visit: Appointment, mateo: Patient, other: Doctor, admin: User, browse: Browse
) -> None:
    pages = [
        f"/prescriptions/{paper.pk}/", f"/prescriptions/{paper.pk}.pdf", edit(paper), f"{edit(paper)}sign/", f"{edit(paper)}cancel/",
        f"/clinic/prescriptions/new/?visit={visit.pk}",
    ]  # fmt: skip
    for user in (mateo.user, other.user, admin):
        client = browse(user)
        assert [client.get(page).status_code for page in pages] == [404] * 6
        assert [client.post(page, {"reason": "x", "revision": paper.revision}).status_code for page in pages[2:]] == [
            404
        ] * 4
    assert [Client().get(page)["location"].startswith("/login/") for page in pages] == [True] * 6
    assert desk_kit.fresh(paper).state == "signed"


def test_a_doctor_of_the_whole_record_reads_it_but_does_not_touch_it(
    paper: Prescription,
    ready_again: Prescription,
    amira: Patient,
    other: Doctor,
    browse: Browse,
    now: datetime,
    time: Time,
) -> None:
    facts: dict[str, Any] = {
        "user_id": other.user.pk,
        "by": None,
        "now": now,
        "expires_at": time.now.replace(year=2027),
    }
    sharing.grant(amira, scope="visit", source_id=other.pk, **facts)
    client = browse(other.user)
    assert client.get(f"/prescriptions/{paper.pk}/").status_code == 404
    sharing.grant(amira, scope="record", source_id=amira.pk, **facts)
    assert [client.get(f"/prescriptions/{paper.pk}{end}").status_code for end in ("/", ".pdf")] == [200, 200]
    assert [client.get(page).status_code for page in (f"{edit(paper)}cancel/", edit(ready_again))] == [404, 404]


@pytest.fixture
def ready_again(paper: Prescription, visit: Appointment, lina: Doctor, now: datetime) -> Prescription:
    return drafts.start(desk_kit.room_of(visit), by=lina.user, now=now)


PRODUCTS = ("amlodipine|tablet|5 mg", "paracetamol|tablet|500 mg", "loratadine|tablet|10 mg")


@pytest.mark.parametrize("count", [1, 3])
def test_the_list_shows_this_doctors_own_under_a_constant_number_of_queries(
    visit: Appointment,
    lina: Doctor,
    other: Doctor,
    browse: Browse,
    now: datetime,
    count: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    desk_kit.noted(visit, now=now)
    for number in range(count):
        row = desk_kit.draft(visit, PRODUCTS[0], now=now)
        if number < count - 1:  # the last one stays a draft
            prescribing.sign(row, revision=row.revision, by=lina.user, now=now)
    client = browse(lina.user)
    client.get("/clinic/prescriptions/")
    with django_assert_num_queries(9):
        words = client.get("/clinic/prescriptions/").content.decode()
    assert words.count("Amira Osman") == count
    assert "Amira Osman" not in browse(other.user).get("/clinic/prescriptions/").content.decode()


@pytest.mark.parametrize("count", [1, 3])
def test_the_builder_asks_the_same_number_of_queries_for_one_medicine_and_for_three(
    visit: Appointment,
    lina: Doctor,
    browse: Browse,
    now: datetime,
    count: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    row, client = desk_kit.draft(visit, *PRODUCTS[:count], now=now), browse(lina.user)
    client.get(edit(row))
    with django_assert_num_queries(19):
        assert client.get(edit(row)).status_code == 200


def test_the_list_is_for_doctors(amira: Patient, browse: Browse) -> None:
    assert browse(amira.user).get("/clinic/prescriptions/").status_code == 404


def test_what_was_sent_after_the_session_ended_is_there_again_after_signing_in(
    ready: Prescription, visit: Appointment, lina: Doctor, now: datetime
) -> None:
    note, rx = f"/clinic/visits/{visit.pk}/note/", edit(ready)
    cast.app(lina.user)
    tokens = iter(factors.renew_recovery(lina.user, now=now))

    def sign_in(client: Client) -> None:
        client.post("/login/", {"address": "lina@example.com", "password": cast.PASSWORD})
        assert client.post("/login/factor/", {"token": next(tokens)})["Location"] == "/start/"

    for page, sent, words in (
        (note, {"complaint": "typed late", "findings": "", "plan": "", "revision": 1}, "typed late"),
        (rx, fields(ready, advice="typed late too", **{f"{ready.items.get().pk.hex}-amount": "7"}), 'value="7"'),
    ):
        client = Client()
        sign_in(client)
        client.cookies.pop(settings.SESSION_COOKIE_NAME)
        assert client.post(page, sent)["location"].startswith("/login/")
        sign_in(client)
        assert words in client.get(page).content.decode()
