"""What the calendar does to licences, and the refusal of everything that needs one."""

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from doctors import queries
from doctors.models import Doctor, Licence
from doctors.states import LicenceState
from telemed.core import audit, states
from telemed.core.problems import Refusal


class NotLicensed(Refusal):
    code = "not_licensed"
    sentence = _("Your registration or your licence is not valid at the moment, so you cannot consult, sign or prescribe. "
                 "What you wrote is kept. Open Licences to see what to do.")  # fmt: skip
    status = 403


def require(doctor: Doctor, now: datetime) -> None:
    """Raises NotLicensed unless the doctor may practise."""
    if not queries.may_practise(doctor, now):
        raise NotLicensed


def expire(now: datetime) -> int:
    """Say of licences whose time is over that it is. The rule does not wait for this: it compares the days."""
    over = list(Licence.objects.filter(state=LicenceState.VERIFIED, ends_at__lte=now).select_related("doctor")[:500])
    return sum(_expire(licence, now) for licence in over)


def _expire(licence: Licence, now: datetime) -> bool:
    try:
        states.move(licence, LicenceState.EXPIRED, by=None, now=now)
    except states.Refused:
        return False
    audit.record("update", "doctors.licence", licence.pk, by=None, purpose="HOPERAT", outcome="expired")
    return True
