"""Rules about the proof of who somebody is, and about changes of how they get in, as dated data with their source."""

from datetime import date, timedelta

from telemed.core.rules import Rule

KEEP_PICTURES = Rule(
    timedelta(days=30), date(2026, 11, 25),
    "GDPR Art. 5(1)(e), storage limitation: pictures of a document and a face go when the decision can no longer be questioned. "
    "Rule of the house: 30 days after it.",
)  # fmt: skip
WAIT_AT_MOST = Rule(
    timedelta(days=90), date(2026, 11, 25),
    "GDPR Art. 5(1)(e): pictures that nobody has looked at after 90 days go too, and the person may send new ones.",
)  # fmt: skip
HOLDS_AT_MOST = Rule(
    timedelta(days=3 * 365), date(2026, 11, 25),
    "Rule of the house: faces and names change; a check is repeated after three years at the latest.",
)  # fmt: skip

_NEW_ADDRESS = Rule(
    timedelta(hours=72), date(2026, 11, 25),
    "Our security reference, T-22 (a changed number needs a step-up and a delay) and F-22 (72 hours after credentials changed); "
    "NIST SP 800-63B-4, section 4.6 (word of it at every address). Numbers are given to somebody else after weeks at the "
    "earliest (47 CFR 52.15(f)(1)(ii): 45 days), so the old one is still its owner's.",
)  # fmt: skip
SETTLES = {
    "email": _NEW_ADDRESS,
    "phone": _NEW_ADDRESS,
    "factors": Rule(
        timedelta(hours=24), date(2026, 11, 25),
        "NIST SP 800-63B-4, section 4.2 (account recovery): its owner is told at every address. Rule of the house: a day, in "
        "which whoever did not ask for it can stop it.",
    ),
}  # fmt: skip
