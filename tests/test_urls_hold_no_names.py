"""What people type goes into no address: browsers, proxies and logs keep addresses."""

from html.parser import HTMLParser
from typing import Any

from adminops.site import site
from doctors.models import Doctor
from patients.models import Patient
from telemed.accounts.models import User
from telemed.core.models import AuditEvent
from tests.adminops.test_roles import office
from tests.conftest import Browse
from tests.matrix import every_door
from tests.test_access import every_url, fill, ids

__all__ = ["ids"]
TYPED = {"text", "search", "email", "tel", "url", "password", ""}
OPEN = {("/doctors/", "q")}  # the public directory: names of doctors and what they do


class Forms(HTMLParser):
    """The boxes to type in of every form that is not sent by POST."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.inside, self.action, self.boxes = False, "", set[tuple[str, str]]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.inside, self.action = said.get("method", "get").lower() == "get", said.get("action", "")
        typed = tag == "textarea" or (tag == "input" and said.get("type", "text").lower() in TYPED)
        if self.inside and typed and "data-composer" not in said and said.get("name"):
            self.boxes.add((self.action, said["name"]))

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "form"


def test_no_form_of_a_page_puts_what_is_typed_into_its_address(
    ids: dict[str, Any], amira: Patient, lina: Doctor, admin: User, browse: Browse
) -> None:
    paths = [fill(route, converters, ids) for _name, route, converters in every_url()]
    paths += [f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in site._registry]
    found, seen = set(), 0
    with every_door():
        for client in (browse(amira.user), browse(lina.user), office(browse, admin)):
            for path in paths:
                if "logout" in path:
                    continue
                answer = client.get(path)
                if answer.status_code == 200 and "text/html" in answer["Content-Type"] and not answer.streaming:
                    seen += 1
                    found |= {(path, *box) for box in Forms(answer.content.decode()).boxes if box not in OPEN}
    assert seen > 120
    assert found == set()


def test_a_search_stands_in_the_address_as_a_token_only(admin: User, amira: Patient, browse: Browse) -> None:
    client = office(browse, admin)
    answer: Any = client.post("/admin/accounts/user/?role__exact=patient", {"q": "amira@example.com"})
    place = answer["Location"]
    assert ("role__exact=patient" in place, "amira" in place, "%40" in place) == (True, False, False)
    page = client.get(place).content.decode()
    assert 'value="amira@example.com"' in page  # in the box, for who goes on from there
    assert not [link for link in page.split('href="')[1:] if "amira%40" in link or "amira@" in link.partition('"')[0]]
    assert office(browse, admin).get(place).status_code == 302  # of another session: nothing was asked
    assert client.get("/admin/accounts/user/?q=amira@example.com").status_code == 302
    assert AuditEvent.objects.filter(action="search", actor_id=admin.pk).count() == 1
