"""Rules against those who try to get in, as dated data. They slow down and they tell; nobody is locked out for good.

Source of the numbers: our security reference, section 9 (F-02, F-03), after the OWASP Credential Stuffing Prevention Cheat
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
