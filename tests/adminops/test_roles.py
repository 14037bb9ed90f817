"""Who sees which field: the file against the pages, cell by cell."""

import copy
from collections.abc import Iterator
from datetime import datetime
from html import unescape
from typing import Any

import pytest
import yaml
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.test import Client, RequestFactory

from adminops import roles
from adminops.admin import site
from adminops.admin.base import DisallowedModelAdminLookup
from consultations.models import Appointment
from patients.models import Patient
from telemed.accounts.models import User
from telemed.core import masking, searches
from telemed.core.models import AuditEvent
from tests import cast
from tests.adminops.matrix import Marks, marked
from tests.conftest import Browse
from tests.matrix import every_door

STAFF = [role.key for role in roles.book().staff]


def office(browse: Browse, person: User) -> Client:
    """Their browser, second factor done."""
    client = browse(person)
    session = client.session
    session["otp_device_id"] = cast.app(person).persistent_id
    session.save()
    return client


@pytest.fixture
def marks(visit: Appointment, now: datetime) -> Iterator[Marks]:
    with every_door():
        yield marked(visit, now)


@pytest.mark.parametrize("role", STAFF)
def test_each_role_sees_the_fields_of_the_file_and_no_other(
    role: str, marks: Marks, browse: Browse, capsys: pytest.CaptureFixture[str]
) -> None:
    person = cast.staff(f"{role}@example.com", role, name="Somebody")
    client, cells = office(browse, person), 0
    for model, table in site._registry.items():
        label, row = model._meta.label_lower, marks.rows[model]
        place = f"/admin/{label.replace('.', '/')}/"
        pages = [client.get(place), client.get(f"{place}{row.pk}/change/")]
        seen = roles.book().names(label, [role])
        assert [page.status_code for page in pages] == [200 if seen else 403] * 2, (role, label)
        texts = [unescape(page.content.decode()) for page in pages]
        for name in roles.book().fields[label]:
            level = seen.get(name, "absent")
            _pages(level, texts, marks.of[model].get(name), (role, label, name))
            _questions(level, table, person, name, marks.of[model].get(name), (role, label, name))
            cells += 4
    with capsys.disabled():
        print(f"\nfield-cells {role}: {cells}")  # noqa: T201 -- how much was asked
    assert cells > 600


def _pages(level: str, texts: list[str], mark: str | None, cell: Any) -> None:
    """The list and the row itself."""
    if mark is None:
        return
    listed, row = texts
    if level in ("absent", "masked"):
        assert mark not in listed, cell
        assert mark not in row, cell
    else:
        assert mark in row, cell
    if level == "masked":
        assert masking.text(mark) in row, cell


def _questions(level: str, table: Any, person: User, name: str, mark: str | None, cell: Any) -> None:
    """What can be learnt by searching, filtering and ordering."""
    orders = [getattr(column, "admin_order_field", None) for column in table.get_list_display(_ask(person, ""))]
    if level in ("absent", "masked"):
        assert name not in {str(order).split("__")[0] for order in orders}, cell
        for lookup in (name, f"{name}__startswith", f"{name}__isnull"):
            with pytest.raises(DisallowedModelAdminLookup):
                table.get_changelist_instance(_ask(person, f"?{lookup}=1"))
        if mark and table.get_search_fields(_ask(person, "")):
            assert _found(table, person, mark[:-1]) == 0, cell
    if mark and level != "absent" and name in {field.lstrip("=^") for field in table.search_fields}:
        assert _found(table, person, mark) >= 1, cell


def _ask(person: User, query: str, words: str = "") -> Any:
    request = RequestFactory().get(f"/admin/{query}")
    request.user, request.session = person, {searches.KEY: {"token": words}}  # type: ignore[assignment]  # all that is asked of it
    return request


def _found(table: Any, person: User, words: str) -> int:
    return int(table.get_changelist_instance(_ask(person, "?q=token", words)).result_count)


def test_staff_without_a_role_see_no_table(marks: Marks, browse: Browse) -> None:
    person = cast.staff("nobody@example.com")
    person.groups.clear()
    client = office(browse, person)
    assert {
        client.get(f"/admin/{model._meta.label_lower.replace('.', '/')}/").status_code for model in site._registry
    } == {403}


def test_two_roles_see_what_either_sees(marks: Marks, browse: Browse) -> None:
    client = office(browse, cast.staff("both@example.com", "support", "finance"))
    assert client.get("/admin/billing/gatewayevent/").status_code == 200
    assert client.get("/admin/accounts/user/").status_code == 200


def test_nobody_gets_a_right_that_stands_in_no_role(marks: Marks) -> None:
    person = cast.staff("own@example.com", "finance")
    person.user_permissions.set(Permission.objects.all())
    assert person.has_perm("patients.view_patient") is False or "patients.view_patient" in roles.permissions(
        roles.book(), "finance"
    )
    assert person.has_perm("accounts.view_user") is False
    assert "is_superuser" not in {field.name for field in User._meta.get_fields()}


def search(client: Client, words: str) -> str:
    return client.post("/admin/accounts/user/", {"q": words}, follow=True).content.decode()


def test_a_support_agent_finds_a_person_by_their_whole_address_only(amira: Patient, browse: Browse) -> None:
    client = office(browse, cast.staff("support@example.com", "support"))
    found = search(client, "amira@example.com")
    assert ("a•••@example.com" in found, "1 user" in found) == (True, True)
    assert "0 users" in search(client, "amira")
    User.objects.create_user(phone="+447400123456")
    for typed in ("+44 7400 123456", "07400 123456", "07400-123456"):
        assert "1 user" in search(client, typed)
    assert "0 users" in search(client, "+44 7400 12345")
    assert client.get("/admin/accounts/user/?email__startswith=a").status_code == 400
    assert client.get("/admin/accounts/user/?_to_field=email&_popup=1").status_code == 400


def test_the_page_of_the_roles_is_for_who_watches_over_them(marks: Marks, browse: Browse) -> None:
    for role, status in {
        "compliance": 200,
        "admin": 200,
        "manager": 403,
        "support": 403,
        "finance": 403,
        "pharmacist": 403,
    }.items():
        page = office(browse, cast.staff(f"{role}@example.com", role)).get("/admin/roles/")
        assert page.status_code == status, role
    text = office(browse, cast.staff("again@example.com", "compliance")).get("/admin/roles/").content.decode()
    assert all(said in text for said in ("Front desk", "Privacy officer", "needs a second person", "birth_date"))


# --- the file itself ------------------------------------------------------------------------------------------------------
def changed(**parts: Any) -> roles.Book:
    raw = copy.deepcopy(yaml.safe_load(roles.FILE.read_text(encoding="utf-8")))
    for part, facts in parts.items():
        raw[part] = {**raw[part], **facts}
    return roles.parse(yaml.safe_dump(raw, sort_keys=False))


def test_the_file_is_whole() -> None:
    assert roles.faults(roles.book()) == []
    call_command("check")


@pytest.mark.parametrize(
    ("parts", "fault"),
    [
        ({"nobody": {"patients.ghost": "x"}}, "patients.ghost: no such model"),
        ({"fields": {"accounts.clinic": {"name, ghost": "absent"}}}, "accounts.clinic.ghost: no such field"),
        ({"fields": {"accounts.clinic": {"name": "absent"}}}, "accounts.clinic.phone: say who sees it"),
        ({"fields": {"billing.payment": {"receipt": {"finance": "change", "others": "absent"}}}}, "billing.payment.receipt: finance cannot choose among rows that it does not see"),
        ({"fields": {"accounts.clinic": {"name": {"boss": "visible", "others": "absent"}}}}, "accounts.clinic.name: boss is no role of staff"),
        ({"fields": {"accounts.clinic": {"name": {"admin": "peek", "others": "absent"}}}}, "accounts.clinic.name: peek is no level"),
        ({"nobody": {"accounts.user": "x"}}, "accounts.user: both under fields and under nobody"),
        ({"add": {"accounts.clinic": ["boss"]}}, "add: boss is no role"),
    ],
)  # fmt: skip
def test_a_file_that_says_too_much_or_too_little_is_refused(parts: dict[str, Any], fault: str) -> None:
    assert fault in roles.faults(changed(**parts))


def test_a_table_that_nobody_classified_is_refused() -> None:
    said = changed()
    del said.nobody["patients.allergy"]
    assert roles.faults(said) == ["patients.allergy: say who sees it, or list it under nobody"]


def test_a_role_that_gains_or_loses_a_right_leaves_a_line_and_one_that_stays_does_not(db: None) -> None:
    roles.sync()
    Group.objects.get(name="support").permissions.clear()
    before = AuditEvent.objects.count()
    roles.sync()
    roles.sync()
    lines = AuditEvent.objects.order_by("id")[before:]
    assert [(row.action, row.entity, row.entity_id) for row in lines] == [("update", "auth.group", "support")]


def test_groups_follow_the_file_through_renames_and_removals(db: None) -> None:
    roles.sync()
    person = cast.staff("old@example.com", "support")
    Group.objects.create(name="left over").user_set.add(person)
    raw = yaml.safe_load(roles.FILE.read_text(encoding="utf-8"))
    raw["roles"] = {("helpers" if key == "support" else key): facts for key, facts in raw["roles"].items()}
    raw["roles"]["helpers"]["formerly"] = ["support"]
    text = yaml.safe_dump(raw, sort_keys=False).replace("support: ", "helpers: ")
    roles.sync(roles.parse(text))
    assert sorted(person.groups.values_list("name", flat=True)) == ["helpers"]
    assert sorted(Group.objects.values_list("name", flat=True)) == sorted({*STAFF, "helpers"} - {"support"})
    held = {
        f"{row.content_type.app_label}.{row.codename}" for row in Group.objects.get(name="helpers").permissions.all()
    }
    assert held == roles.permissions(roles.parse(text), "helpers")
