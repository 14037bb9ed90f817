"""G5: many people want the same time at the same moment. Exactly one may have it, and nobody may see an error.

Every fourth slot is contested as it is; of the others, in one the visits are of different lengths and overlap, in one an
old hold has just run out, and in one somebody who has the time gives it back meanwhile. Some of the days are those on
which the clock changes. SLOTS=10000 contests as many as the goal names; without it, a tenth as many.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from consultations.actions import booking
from consultations.models import Appointment
from consultations.queries import Slot
from doctors.models import Doctor, VisitType, WeeklyHours
from patients.models import Patient
from telemed.core import clock
from tests import cast
from tests.bench.processes import UVICORN, serve
from tests.bench.visitors import visitor
from tests.figures import Figure, count

SLOTS = int(os.environ.get("SLOTS", "1000"))
CROWDS = {16: SLOTS, 64: max(SLOTS // 10, 8)}
# In Europe/London these days have 23, 25 and 24 hours.
DAYS = (date(2027, 3, 28), date(2027, 10, 31), date(2027, 6, 1))


@dataclass
class Contest:
    """What each of the crowd asks for. ``owner`` has the time at first and gives it back meanwhile."""

    kind: str
    doctor: Doctor
    start: datetime
    wishes: list[str]
    owner: Appointment | None = None


def contested(env: dict[str, str]) -> Iterator[Figure]:
    bench = env | {"DJANGO_SETTINGS_MODULE": "tests.bench.settings"}
    with serve((*UVICORN, "--workers", "2"), "telemed.asgi:application", bench) as web:
        for crowd, slots in CROWDS.items():
            yield from _contest(web.port, crowd, slots)


def _contest(port: int, crowd: int, slots: int) -> Iterator[Figure]:
    answers: Counter[int] = Counter()
    kinds: Counter[str] = Counter()
    doubles = nobody = 0
    records = [_patient(f"racer-{crowd}-{nth}") for nth in range(crowd + 1)]
    people = [visitor(port, record.user) for record in records]
    with ThreadPoolExecutor(crowd + 1) as pool:
        for contest in _contests(crowd, slots, records[-1]):
            jobs = [
                pool.submit(who.post, f"/book/{wish}/") for who, wish in zip(people[:-1], contest.wishes, strict=True)
            ]
            if contest.owner:
                path = f"/visits/{contest.owner.pk}/cancel/"
                jobs.append(pool.submit(people[-1].post, path))
            answers.update(job.result()[0] for job in jobs)
            kinds[contest.kind] += 1
            claims = _claims(contest)
            doubles += claims > 1
            nobody += claims == 0 and contest.owner is None
    base = f"{slots} slots: {', '.join(f'{n} {kind}' for kind, n in kinds.items())}"
    said = ", ".join(f"{n} x {status}" for status, n in sorted(answers.items()))
    yield count(f"G5 double bookings, {crowd} at once", doubles, 0, base)
    yield count(f"G5 slots that nobody got, {crowd} at once", nobody, 0, base)
    yield count(f"G5 answers of 500 and more, {crowd} at once", sum(n for s, n in answers.items() if s >= 500), 0, said)


def _claims(contest: Contest) -> int:
    """How many have a living claim on any part of the contested hour."""
    hour = contest.start + timedelta(hours=1)
    rows = Appointment.objects.blocking().filter(doctor=contest.doctor, starts_at__lt=hour, ends_at__gt=contest.start)
    return rows.exclude(state="held", hold_expires_at__lte=clock.now()).count()


def _contests(crowd: int, slots: int, outsider: Patient) -> Iterator[Contest]:
    """One hour after another, doctor after doctor."""
    nth = 0
    while True:
        doctor = _doctor(crowd, nth)
        for start in _hours():
            if nth == slots:
                return
            yield KINDS[nth % len(KINDS)](doctor, start, crowd, outsider)
            nth += 1


def _same(doctor: Doctor, start: datetime, crowd: int, _outsider: Patient) -> Contest:
    return Contest("plain", doctor, start, [_wish(doctor, 60, start)] * crowd)


def _lengths(doctor: Doctor, start: datetime, crowd: int, _outsider: Patient) -> Contest:
    """Half want the whole hour, half twenty minutes in its middle."""
    wishes = [_wish(doctor, 60, start), _wish(doctor, 20, start + timedelta(minutes=20))]
    return Contest("overlapping", doctor, start, [wishes[nth % 2] for nth in range(crowd)])


def _expired(doctor: Doctor, start: datetime, crowd: int, outsider: Patient) -> Contest:
    past = clock.now() - timedelta(minutes=11)
    booking.hold(_slot(doctor, 60, start), outsider, by=outsider.user, now=past)
    return Contest("after a hold ran out", doctor, start, [_wish(doctor, 60, start)] * crowd)


def _given_back(doctor: Doctor, start: datetime, crowd: int, outsider: Patient) -> Contest:
    now, user = clock.now(), outsider.user
    mine = booking.hold(_slot(doctor, 60, start), outsider, by=user, now=now)
    booking.describe(mine, reason="Headaches", shares_record=True, by=user, now=now)
    owner = booking.confirm(mine.pk, by=user, now=now)
    return Contest("cancelled meanwhile", doctor, start, [_wish(doctor, 60, start)] * crowd, owner)


KINDS: list[Callable[[Doctor, datetime, int, Patient], Contest]] = [_same, _lengths, _expired, _given_back]


def _slot(doctor: Doctor, minutes: int, start: datetime) -> Slot:
    return Slot(VisitType.objects.select_related("doctor").get(doctor=doctor, minutes=minutes), start)


def _wish(doctor: Doctor, minutes: int, start: datetime) -> str:
    return _slot(doctor, minutes, start).id


def _hours() -> list[datetime]:
    """Every whole hour of the days, by the sun: an hour that the clock skips is none."""
    zone = clock.zone("Europe/London")
    hours = []
    for day in DAYS:
        start, end = (clock.at(day, time(hour), zone) for hour in (0, 23))
        hours += [start + timedelta(hours=nth) for nth in range(int((end - start) / timedelta(hours=1)))]
    return hours


def _patient(name: str) -> Patient:
    return cast.patient(f"{name}@example.com", name.title(), now=clock.now())


def _doctor(crowd: int, nth: int) -> Doctor:
    email, name = f"raced-{crowd}-{nth}@example.com", f"Dr Raced {crowd} {nth}"
    doctor = cast.doctor(email, name, now=clock.now(), registration=f"GMC {crowd}{nth:05}", price=0)
    WeeklyHours.objects.filter(doctor=doctor).update(opens=time(0), closes=time(23))
    VisitType.objects.create(doctor=doctor, name="Long visit", minutes=60, price=0, currency="GBP")
    return doctor
