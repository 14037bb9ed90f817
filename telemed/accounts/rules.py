"""Rules against those who try to get in, and those who are in and take too much, as dated data. They slow down, ask and
tell; a lock waits for a person to look (GDPR Art. 22: nobody is shut out by a program alone).

Source of the numbers: our security reference, section 9 (F-01, F-02, F-03, F-17), after the OWASP Credential Stuffing Prevention Cheat
Sheet and NIST SP 800-63B-4, section 3.2.2 (at most 100 failed tries in a row for one account).
"""

from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True)
class Rule:
    code: str
    since: date
    most: int  # one more, and the rule speaks
    within: timedelta
    share: float = 0  # of the tries that must have failed
    hold: timedelta = timedelta(hours=1)  # for how long it then holds, or is not said again


STUFFING = Rule(
    "F-02", date(2026, 11, 25), most=20, within=timedelta(minutes=10), share=0.8
)  # addresses from one network
GUESSING = Rule(
    "F-02", date(2026, 11, 25), most=10, within=timedelta(hours=1)
)  # failures of one address, from anywhere
SPRAYING = Rule("F-03", date(2026, 11, 25), most=50, within=timedelta(hours=1))  # addresses that fail, from anywhere
KEPT = timedelta(days=1)


@dataclass(frozen=True)
class Travel:
    code: str
    since: date
    km_per_hour: float  # an airliner
    least_km: float  # nearer than this, places of addresses are too uncertain to say anything
    hold: timedelta = timedelta(hours=1)  # for how long it is not told again


TRAVEL = Travel("F-01", date(2026, 11, 25), km_per_hour=900, least_km=200)

# --- who is in and takes too much: one more than ``most`` within this time, and the account is locked until staff look
OPENED = Rule("F-17", date(2026, 11, 25), most=30, within=timedelta(minutes=10))  # different patients
REFUSED = Rule("F-17", date(2026, 11, 25), most=50, within=timedelta(minutes=10))  # answers 403 and 404
PROBED = Rule("F-17", date(2026, 11, 25), most=4, within=timedelta(minutes=10))  # refused ids that follow each other
NEIGHBOURS = 16  # ids at most so far apart follow each other; those of real rows are 2^64 apart
