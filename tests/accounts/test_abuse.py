"""What others were broken by (sections 9 and 11 of our security reference), tried here."""

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from consultations.models import Appointment, Consultation
from doctors.models import Doctor
from patients.models import Patient
from telemed.accounts import policy, tasks
from telemed.accounts.models import SignInTry, User
from telemed.core.models import AuditEvent
from tests import cast, matrix
from tests.conftest import Answer, Browse, Time
from tests.consultations.room_kit import ORIGIN, Page, db, end_hub, session_of

SIGNED = {"billing:webhook"}  # the signature of the gateway stands for the token
WRONG = "not the pass phrase"


def try_in(
    address: str, password: str = WRONG, *, forwarded: str = "", seen: str = "81.2.69.160", **headers: str
) -> Answer:
    """A sign-in that comes from ``seen``, with what the client wrote into X-Forwarded-For."""
    extra = {"X-Forwarded-For": forwarded} if forwarded else {}
    client = Client(REMOTE_ADDR=seen, headers={**extra, **headers})
    return client.post("/login/", {"address": address, "password": password})


def looked_at(answer: Answer) -> bool:
    return "do not belong together" in answer.content.decode()


def signed_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


# --- limits, and whose they are
@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "CF-Connecting-IP", "True-Client-IP"])
def test_without_a_trusted_proxy_no_header_gives_a_client_more_tries(db: None, settings: Settings, header: str) -> None:
    settings.TRUSTED_PROXIES = 0
    tries = [looked_at(try_in(f"p{nth}@example.com", **{header: f"203.0.113.{nth}"})) for nth in range(25)]
    assert tries == [True] * 20 + [False] * 5


def test_behind_a_proxy_only_what_the_proxy_saw_counts(db: None, settings: Settings) -> None:
    settings.TRUSTED_PROXIES = 1
    same = [looked_at(try_in(f"p{nth}@example.com", forwarded=f"203.0.113.{nth}, 81.2.69.160")) for nth in range(22)]
    assert same == [True] * 20 + [False] * 2
    assert looked_at(try_in("p@example.com", forwarded="81.2.69.160, 95.4.12.9"))


def test_a_sign_in_that_works_does_not_give_its_client_new_tries(amira: Patient) -> None:
    """django-allauth 65.8.1."""
    for nth in range(19):
        try_in(f"p{nth}@example.com")
    assert try_in("amira@example.com", cast.PASSWORD).status_code == 302
    assert not looked_at(try_in("p@example.com"))


def test_one_address_gets_ten_tries_however_many_clients_try_and_however_it_is_written(amira: Patient) -> None:
    spelt = ["amira@example.com", "AMIRA@example.com", " amira@Example.com", "Amira@EXAMPLE.com "]
    tries = [looked_at(try_in(spelt[nth % 4], seen=f"81.2.{nth}.1")) for nth in range(14)]
    assert tries == [True] * 10 + [False] * 4


def test_an_account_without_a_password_is_opened_by_none(db: None, client: Client) -> None:
    """django-allauth 65.11.1 stored an empty one."""
    user = User.objects.create_user(email="codes@example.com")
    assert not user.has_usable_password()
    for password in ("", " ", "!", user.password):
        assert try_in("codes@example.com", password).status_code == 422


def test_one_address_gets_ten_failures_in_an_hour_whoever_tries_and_then_a_code_still_opens_it(
    amira: Patient, time: Time
) -> None:
    """F-02. An address without an account is told the same."""
    for address in ("amira@example.com", "nobody@example.com"):
        for nth in range(10):
            assert looked_at(try_in(address, seen=f"81.2.{nth}.1"))
            time.move(minutes=3)
        cache.clear()  # the shorter limit is another one
        held = try_in(address, cast.PASSWORD, seen="95.4.12.9")
        assert (held.status_code, "wait an hour" in held.content.decode()) == (422, True)
    client = Client()
    assert client.post("/login/", {"address": "amira@example.com", "by_code": "1"})["Location"] == "/login/code/"
    time.move(minutes=60)
    assert try_in("amira@example.com", cast.PASSWORD, seen="95.4.12.9").status_code == 302


def test_a_network_that_tries_many_addresses_is_held_for_an_hour_and_the_log_says_so(
    amira: Patient, mateo: Patient, time: Time
) -> None:
    """F-02. More than 20 addresses in ten minutes, most of them failing."""
    for nth in range(21):
        try_in(f"p{nth}@example.com", seen=f"81.2.69.{nth}")
    held = try_in("amira@example.com", cast.PASSWORD, seen="81.2.69.99")
    assert (held.status_code, "from your network" in held.content.decode()) == (422, True)
    assert try_in("mateo@example.com", cast.PASSWORD, seen="95.4.12.9").status_code == 302
    lines = AuditEvent.objects.filter(entity="accounts.signin").values_list("entity_id", "outcome", "actor_id")
    assert list(lines) == [("stuffing.81.2.69.0", "F-02", None)]


def test_a_network_from_which_most_get_in_is_not_held(db: None) -> None:
    """The Wi-Fi of a clinic at eight in the morning."""
    for nth in range(22):
        User.objects.create_user(email=f"p{nth}@example.com", password=cast.PASSWORD)
        assert try_in(f"p{nth}@example.com", cast.PASSWORD, seen=f"81.2.69.{nth}").status_code == 302
    assert looked_at(try_in("p0@example.com", seen="81.2.69.99"))


def test_one_password_tried_on_everyone_from_everywhere_is_told_once(db: None) -> None:
    """F-03: slow, and from a new network each time."""
    for nth in range(53):
        assert looked_at(try_in(f"p{nth}@example.com", seen=f"81.{nth}.69.1"))
    lines = AuditEvent.objects.filter(entity="accounts.signin").values_list("entity_id", "outcome")
    assert list(lines) == [("spraying", "F-03")]


def test_tries_are_forgotten_after_a_day_and_name_nobody(amira: Patient, time: Time) -> None:
    try_in("amira@example.com")
    assert "amira" not in str(SignInTry.objects.values_list())
    time.move(hours=25)
    tasks.end_idle()
    assert SignInTry.objects.count() == 0


# --- hosts, redirects, forms
@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "localhost:8000@evil.example", "evil.example:80", "[::1"]
)
def test_another_host_name_is_refused(db: None, client: Client, host: str) -> None:
    for path in ("/", "/login/", "/account/", "/rx/verify/"):
        answer = client.get(path, headers={"Host": host})
        assert (answer.status_code, "evil" in answer.content.decode()) == (400, False), path


def test_forwarded_host_names_change_nothing(db: None, client: Client) -> None:
    plain = client.get("/account/")["Location"]
    for header in ("X-Forwarded-Host", "X-Host", "X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Server"):
        assert client.get("/account/", headers={header: "evil.example"})["Location"] == plain


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "https:evil.example",
        "javascript:alert(1)", "data:text/html,x", " //evil.example", "\t//evil.example", "/\t/evil.example", "http://localhost:8000@evil.example",
        "https:///evil.example", "evil.example", "%2f%2fevil.example", "//evil.example/..;/home/",
    ],
)  # fmt: skip
def test_nobody_is_sent_to_another_site(amira: Patient, wanted: str) -> None:
    data = {"address": "amira@example.com", "password": cast.PASSWORD, "next": wanted}
    assert Client().post("/login/", data)["Location"] == "/start/"
    assert "evil" not in Client().get("/login/", {"next": wanted}).content.decode()


def test_every_form_needs_its_token(amira: Patient, lina: Doctor, admin: User, browse: Browse) -> None:
    """Every row of the table that takes a POST, PUT, PATCH or DELETE, as somebody who may use it."""
    people = {policy.PERSON: amira.user, "patient": amira.user, "doctor": lina.user, policy.ANYONE: amira.user}
    tried = []
    for route in matrix.routes():
        rule = policy.table()[route.name]
        if route.name in SIGNED or route.path.startswith(("admin/", "demo/")):
            continue
        for method in sorted(set(rule.methods) - {"GET"}):
            user = next(people[role] for role in sorted(rule.methods[method]) if role in people)
            client = Client(enforce_csrf_checks=True)
            client.force_login(user, backend="telemed.accounts.backends.Password")
            answer = client.generic(method, route.filled({"passkey_id": 1}), "{}", content_type="application/json")
            assert answer.status_code == 403, (route.name, method, answer.status_code)
            tried.append(route.name)
    assert len(tried) > 40


def test_a_token_of_another_browser_opens_no_form(amira: Patient, mateo: Patient) -> None:
    his, hers = Client(enforce_csrf_checks=True), Client(enforce_csrf_checks=True)
    for client, person in ((his, mateo), (hers, amira)):
        client.force_login(person.user, backend="telemed.accounts.backends.Password")
    token = his.get("/account/").context["csrf_token"]
    hers.get("/account/")
    data = {"csrfmiddlewaretoken": str(token), "language": "es", "time_zone": "Europe/Madrid"}
    assert hers.post("/account/preferences/", data).status_code == 403
    assert User.objects.get(pk=amira.user.pk).language == "en"


def test_no_page_may_be_shown_in_a_frame(amira: Patient, browse: Browse) -> None:
    client = browse(amira.user)
    for path in ("/", "/login/", "/home/", "/account/sessions/", "/nothing-here/", "/api/session/"):
        answer = client.get(path)
        assert answer["X-Frame-Options"] == "DENY", path
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"], path


# --- sockets of other sites
ELSEWHERE = [
    "", "null", "https://evil.example", "http://localhost.evil.example", f"{ORIGIN}.evil.example", f"{ORIGIN}1", "file://", "http://[", "http://[::1",
    ORIGIN.replace("http", "https"), ORIGIN.replace("localhost", "localh0st"), f"http://evil.example/{ORIGIN}", f"http://user@{ORIGIN[7:]}.evil",
]  # fmt: skip


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("origin", ELSEWHERE)
async def test_a_socket_that_another_site_opens_is_refused_though_the_cookie_is_right(
    origin: str, visit: Appointment, amira: Patient
) -> None:
    cookie = await db(session_of, amira.user)
    room = await db(Consultation.objects.get, appointment=visit)
    for path in ("/ws/live/?topics=inbox", f"/ws/rooms/{room.pk}/"):
        assert not await Page(path, cookie, origin).open(), (path, origin)
    await end_hub()


# --- what a client can never set
IDENTITY = {
    "role": "staff", "is_staff": "on", "is_superuser": "on", "is_active": "", "email": "evil@example.com", "phone": "+447400999999",
    "password1": "a new pass phrase", "user_permissions": "1", "groups": "1", "session": "x", "_auth_user_id": "1",
}  # fmt: skip


def test_no_form_changes_who_one_is(amira: Patient, browse: Browse) -> None:
    """Cal.com CVE-2026-23478."""
    client, before = browse(amira.user), _facts(amira.user)
    for path in (
        "/account/preferences/",
        "/account/profile/",
        "/account/password/",
        "/notifications/",
        "/api/session/",
    ):
        client.post(path, {**IDENTITY, "language": "en", "time_zone": "Europe/London"})
    assert _facts(User.objects.get(pk=amira.user.pk)) == before


def test_an_id_in_the_body_updates_nobody_else(amira: Patient, mateo: Patient, browse: Browse) -> None:
    """OpenEMR CVE-2026-25744."""
    theirs = {
        "id": str(mateo.pk),
        "pk": str(mateo.pk),
        "patient": str(mateo.pk),
        "patient_id": str(mateo.pk),
        "user": str(mateo.user_id),
    }
    page = browse(amira.user).post("/account/profile/", {**theirs, "name": "Changed By Amira"})
    mateo.refresh_from_db()
    assert (mateo.name, "Silva" in page.content.decode()) == ("Mateo Silva", False)


def test_the_session_remembers_no_patient(visit: Appointment, lina: Doctor, browse: Browse) -> None:
    """OpenEMR CVE-2026-27943: whose chart it is stands in the address, nowhere else."""
    client = browse(lina.user)
    before = set(client.session.keys())
    for path in (
        f"/clinic/patients/{visit.patient_id}/",
        f"/clinic/visits/{visit.pk}/",
        f"/clinic/visits/{visit.pk}/note/",
    ):
        assert client.get(path).status_code == 200
    assert set(client.session.keys()) == before


def test_starting_to_register_opens_nothing(amira: Patient, client: Client) -> None:
    """OpenEMR 2018: the portal let in whoever had seen the registration first."""
    client.post("/signup/", {"address": "amira@example.com", "password": "a new pass phrase"})
    client.post("/login/", {"address": "amira@example.com", "by_code": "1"})
    for path in (
        "/home/",
        "/record/",
        f"/clinic/patients/{amira.pk}/",
        "/account/sessions/",
        "/login/factor/",
        "/signup/confirm/",
    ):
        assert client.get(path).status_code in (302, 404), path
        assert "Amira" not in client.get(path).content.decode()


@pytest.mark.parametrize(
    "query",
    ["_connector=OR", "ordering=user__password", "sort=user__password", "o=-user__password", "user__email__startswith=l", "q[]=x", "page=1;DROP",
     "q=%27%20OR%201%3D1--", "specialty=%27", "language=en%00", "fields=password", "day=%2527"],
)  # fmt: skip
def test_the_search_knows_its_own_words_only(lina: Doctor, other: Doctor, client: Client, query: str) -> None:
    """OpenEMR CVE-2026-24908, Django CVE-2025-64459."""
    page = client.get(f"/doctors/?{query}")
    assert page.status_code in (200, 400, 404)
    assert "lina@example.com" not in page.content.decode()


def test_two_people_in_turns_never_see_each_other(amira: Patient, mateo: Patient, browse: Browse) -> None:
    """Channels CVE-2020-35681."""
    hers, his = browse(amira.user), browse(mateo.user)
    for _ in range(20):
        for client, mine, theirs in ((hers, "amira@", "mateo@"), (his, "mateo@", "amira@")):
            page = client.get("/account/").content.decode()
            assert (mine in page, theirs in page) == (True, False)


def _facts(user: User) -> dict[str, Any]:
    names = ("role", "is_staff", "is_superuser", "is_active", "email", "phone", "password")
    return {name: getattr(user, name) for name in names}
