"""Rules about the proof of who somebody is, as dated data with their source."""

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
