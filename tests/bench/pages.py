"""G10 and G11: what a page costs beside a bare Django, and each page beside an empty one of ours."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests.bench.processes import UVICORN, Served, postgres_pid, processor, redis_pid, serve
from tests.bench.visitors import Visitor, visitor
from tests.figures import Figure, ratio

ROUNDS, PAGES = 5, 40
ROWS = 3  # visits, payments and messages of the patient
FLOOR = "tests.bench.floor.asgi:application"
OURS = "telemed.asgi:application"


@dataclass
class Page:
    """One page asked for again and again by one person."""

    path: str
    who: Visitor
    servers: list[int]

    def cost(self, times: int = PAGES) -> float:
        """Milliseconds of processor time of web server, PostgreSQL and Redis for one answer."""
        before = processor(*self.servers)
        for _ in range(times):
            status, text = self.who.get(self.path)
            if status != 200:
                raise RuntimeError(f"{self.path} answered {status}: {text[:200]}")
        return (processor(*self.servers) - before) / times


def hello(env: dict[str, str]) -> Iterator[Figure]:
    """G10: an empty page for a signed-in person against an empty page for nobody in bare Django, same server."""
    bench = env | {"DJANGO_SETTINGS_MODULE": "tests.bench.settings"}
    with serve(UVICORN, OURS, bench) as ours, serve(UVICORN, FLOOR, env, path="/plain") as floor:
        mine = Page("/hello/", visitor(ours.port, _people()["patient"]), _servers(ours, env))
        bare = Page("/plain", Visitor(floor.port), [floor.pid])
        costs = _rounds([mine, bare])
    of = "bare Django, anonymous, same server:"
    yield ratio("G10 authenticated hello", costs[0], costs[1], 3.5, unit="ms", of=of)


def pages(env: dict[str, str]) -> Iterator[Figure]:
    """G11: pages that people open all day, against the empty page of G10."""
    people = _people()
    bench = env | {"DJANGO_SETTINGS_MODULE": "tests.bench.settings"}
    with serve(UVICORN, OURS, bench) as ours:
        servers = _servers(ours, env)
        patient, doctor = (visitor(ours.port, people[who]) for who in ("patient", "doctor"))
        empty = Page("/hello/", patient, servers)
        named = {
            "home": Page("/home/", patient, servers), "visits": Page("/visits/", patient, servers),
            "record": Page("/record/", patient, servers), "doctors": Page("/doctors/", patient, servers),
            "payments": Page("/payments/", patient, servers), "clinic day": Page("/clinic/", doctor, servers),
            "clinic patients": Page("/clinic/patients/", doctor, servers),
        }  # fmt: skip
        costs = _rounds([empty, *named.values()])
    for name, cost in zip(named, costs[1:], strict=True):
        yield ratio(f"G11 {name}", cost, costs[0], 2.0, unit="ms", of="authenticated hello:")


def _rounds(pages: list[Page]) -> list[list[float]]:
    """The costs of each page in each round. Pages take turns, so that a busy moment hits all of them."""
    for page in pages:
        page.cost(5)
    return [list(costs) for costs in zip(*([page.cost() for page in pages] for _ in range(ROUNDS)), strict=True)]


def _servers(web: Served, env: dict[str, str]) -> list[int]:
    return [web.pid, postgres_pid(env["DATABASE_URL"]), redis_pid(env["REDIS_URL"])]


def _people() -> dict[str, Any]:
    """A patient with a few visits at a doctor. Made once, then found again."""
    from consultations.models import Appointment
    from telemed.accounts.models import User
    from telemed.core import clock
    from tests import cast

    now = clock.now()
    found = {"patient": User.objects.filter(email="pages@example.com").first()}
    if found["patient"]:
        return found | {"doctor": Appointment.objects.filter(patient__user=found["patient"])[0].doctor.user}
    record = cast.patient("pages@example.com", "Pat Pages", now=now)
    doctor = cast.doctor("pages-doctor@example.com", "Dr Page Turner", now=now, registration="GMC 7100001")
    tomorrow = (now + timedelta(days=1)).replace(hour=10, minute=0, second=0, microsecond=0)
    for nth in range(ROWS):
        cast.visit(record, doctor, now=now, starts_at=tomorrow + timedelta(days=nth))
    return {"patient": record.user, "doctor": doctor.user}
