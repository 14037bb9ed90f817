"""Pages that exist only in the middle of something, and that no other journey opens. It comes last, so that the last of
its tests knows what all browser tests have opened."""

import re
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from django.urls import Resolver404, resolve
from playwright.sync_api import Page, expect

from telemed.embedded import ROOT
from telemed.run import Stack
from tests.browser import looks, pages
from tests.browser.calls import Visit
from tests.browser.people import NARROW, OPENED, WIDE, People, code_in, set_second_step_up
from tests.browser.test_booking import checked, to_payment
from tests.browser.test_family import joined

pytestmark = pytest.mark.browser
PASSWORD = "demo pass phrase"
# A member of staff who never signed in, a child of Amira's who has come of age, somebody whose data was deleted, and somebody
# with a visit in three days.
SOMEBODY = """
import django; django.setup()
from datetime import date, timedelta
from patients.actions import requests
from patients.models import Limit, Proxy
from telemed.accounts.models import User
from telemed.core import audit, clock
from tests import cast
with audit.origin("test"):
    User.objects.create_user(email="{email}", password="{password}", name="New Colleague", role="staff", is_staff=True)
    parent = User.objects.get(email="amira@demo.example").patient
    child = cast.child(parent, "Nadia Osman", now=clock.now(), born=clock.now().date().replace(day=1, year=clock.now().year - 17))
    Proxy.objects.filter(patient=child).update(closed_at=clock.now(), ending=Proxy.Ending.OF_AGE)
    now = clock.now()
    doctor = cast.doctor("of-former@demo.example", "Dr Former Visit", now=now, registration="FORMER 1")
    left = cast.patient("left@demo.example", "Lou Former", now=now)
    cast.visit(left, doctor, now=now)
    asked = requests.open("erasure", left, "Delete everything", by=left.user, now=now)
    for officer in ("privacy@demo.example", "privacy2@demo.example"):
        requests.decide(asked, grant=True, words="What may go is gone", by=User.objects.get(email=officer), now=now)
    mover = cast.patient("mover-{email}", "Mara Mover", now=now)
    mover.user.set_password("{password}")
    mover.user.save()
    in_three_days = (now + timedelta(days=3)).replace(hour=12, minute=0, second=0, microsecond=0)
    print(cast.visit(mover, doctor, now=now, starts_at=in_three_days).pk)
    print(child.pk, Limit.objects.get(kind="erased", patient=left).pk)
"""


@pytest.fixture(scope="module")
def made(stack: Stack) -> dict[str, str]:
    email = f"colleague-{uuid4().hex[:8]}@demo.example"
    env = {**stack.children_env, "DJANGO_SETTINGS_MODULE": "telemed.settings"}
    code = SOMEBODY.format(email=email, password=PASSWORD)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE, text=True
    )
    moved, child, kept = done.stdout.split()[-3:]
    return {"email": email, "child": child, "kept": kept, "moved": moved}


def look(page: Page) -> None:
    page.wait_for_load_state()
    assert page.evaluate("performance.getEntriesByType('navigation')[0].responseStatus") == 200, page.url
    assert (looks.flaws(page), max(0, looks.overflow(page))) == ([], 0), page.url


def test_the_bank_asks_again_and_the_clinic_says_that_it_is_checking(people: People) -> None:
    page = people.demo("Amira Osman", viewport=NARROW)
    visit = checked(page)
    to_payment(page)
    page.get_by_text("See what happens when things go wrong").click()
    page.get_by_label("How we tell the clinic").select_option("lost")
    for name, value in {"card": "4000002500003155", "expiry": "12 / 30", "code": "123"}.items():
        page.locator(f"#id_{name}").fill(value)
    page.get_by_role("button", name=re.compile("^Pay")).click()
    expect(page.get_by_role("heading", name="Is this you?")).to_be_visible()
    look(page)
    page.get_by_role("button", name="Yes, pay").click()
    page.wait_for_url(f"**/book/{visit}/**")  # what was never reported is asked for, and is there
    page.wait_for_url(f"**/book/{visit}/done/")
    assert f"/book/{visit}/paid/" in OPENED


def test_before_a_visit_is_called_off_its_page_says_what_that_costs(people: People, spare: dict[str, str]) -> None:
    visit = Visit(spare, people)
    page = visit.person("patient", viewport=NARROW)
    page.goto(visit.url("/visits/{visit}/cancel/"))
    expect(page.get_by_role("button", name="Cancel the visit")).to_be_visible()
    look(page)


def test_a_patient_gives_a_visit_another_time(people: People, made: dict[str, str]) -> None:
    page = people.browser(viewport=NARROW)
    page.goto("/login/")
    page.get_by_label("Email or mobile number").fill(f"mover-{made['email']}")
    page.locator("#id_password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/home/")
    page.goto(f"/visits/{made['moved']}/")
    page.get_by_role("link", name="Move", exact=True).click()
    expect(page.get_by_role("heading", name="Move this visit")).to_be_visible()
    look(page)
    page.locator("a[href^='?slot=']").last.click()
    expect(page.get_by_role("heading", name="Move the visit to this time?")).to_be_visible()
    look(page)
    page.get_by_role("button", name="Move the visit").click()
    expect(page.get_by_text("Moved by you")).to_be_visible()
    look(page)


def test_a_parent_hands_the_record_of_a_grown_child_over(people: People, made: dict[str, str]) -> None:
    page = people.demo("Amira Osman", viewport=NARROW)
    page.goto("/account/family/")
    page.locator(f"a[href='/family/{made['child']}/hand-over/']").click()
    expect(page.get_by_role("heading", name="Hand the record over to Nadia")).to_be_visible()
    look(page)


def test_a_keeper_of_records_reads_what_the_law_keeps_of_somebody_who_left(
    people: People, made: dict[str, str]
) -> None:
    page = people.demo("Rita Olsen", viewport=WIDE)
    page.goto("/admin/kept/")
    look(page)
    page.locator(f"a[href='/admin/kept/{made['kept']}/']").click()
    expect(page.get_by_role("row", name="Name Lou Former")).to_be_visible()
    look(page)
    assert people.demo("Ines Duarte").request.get("/admin/kept/").status == 403


def test_a_doctor_asks_somebody_to_keep_the_diary(people: People) -> None:
    address = f"helper-{uuid4().hex[:8]}@demo.example"
    doctor = people.demo("Dr Lina Haddad", viewport=WIDE)
    doctor.goto("/clinic/settings/")
    doctor.locator("form", has=doctor.locator("[value=invite]")).locator("input[type=email]").fill(address)
    doctor.get_by_role("button", name="Invite").click()
    [told] = people.outbox(address, "desk.invited")
    helper = people.browser(viewport=NARROW)
    helper.goto(told["link"])
    joined(people, helper, address)
    expect(helper.get_by_role("heading", name="Dr Lina Haddad asks you to keep their diary")).to_be_visible()
    look(helper)
    helper.get_by_role("button", name="Yes, I will help").click()
    helper.wait_for_url("**/login/factor/enrol/")  # who works here signs in by two steps
    set_second_step_up(helper)
    helper.get_by_role("link", name="I have kept them").click()
    helper.wait_for_url("**/clinic/desk/")


def test_a_new_colleague_sets_a_second_step_up_before_anything_else(people: People, made: dict[str, str]) -> None:
    page = people.browser(viewport=NARROW)
    page.goto("/login/")
    page.get_by_label("Email or mobile number").fill(made["email"])
    page.locator("#id_password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_alt_text("QR code for your authenticator app")).to_be_visible()
    assert page.url.endswith("/login/factor/enrol/")
    look(page)
    assert page.goto("/admin/")
    assert "/login/" in page.url


def test_who_asks_for_a_code_with_an_address_nobody_uses_may_make_an_account_of_it(people: People) -> None:
    address = f"nobody-{uuid4().hex[:8]}@demo.example"
    page = people.browser(viewport=NARROW)
    page.goto("/login/")
    page.get_by_label("Email or mobile number").fill(address)
    page.get_by_role("button", name="Send me a code").click()
    page.locator("#id_code").fill(code_in(people.outbox(address, "code")[0]))
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="No account yet")).to_be_visible()
    look(page)
    page.get_by_role("button", name="Create my account").click()
    page.wait_for_url("**/home/")


def test_every_page_on_the_way_was_opened(request: pytest.FixtureRequest) -> None:
    """What pages.py says the journeys open, they do. Asked when the whole of the browser tests was run; when one of them
    failed, at the second try, of what both runs have opened."""
    cache, again = request.config.cache, request.config.option.lf
    assert cache
    opened = OPENED | set(cache.get("browser/opened", []) if again else [])
    cache.set("browser/opened", sorted(opened))
    run = {Path(str(item.path)).name for item in request.session.items}
    if not again and {file.name for file in Path(__file__).parent.glob("test_*.py")} - run:
        pytest.skip("only a part of the browser tests was run")
    assert not request.session.testsfailed, "asked again when the others have passed"
    names = set()
    for path in opened:
        try:
            names.add(resolve(path).view_name)
        except Resolver404:
            continue
    assert pages.ON_THE_WAY - names == set()
