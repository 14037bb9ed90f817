"""Rules about licences, as dated data with their source."""

from datetime import date

from telemed.core.rules import Rule

WARN_DAYS = Rule(
    (60, 30, 7), date(2026, 11, 25),
    "Rule of the house: the doctor and the office hear of a licence that ends 60, 30 and 7 days ahead; most councils renew within 30 days.",
)  # fmt: skip
# Where a licence is of a state or a province, the country alone does not say where one may practise.
PER_REGION = Rule(
    frozenset({"US", "CA"}), date(2026, 11, 25),
    "US: licences are of the state in which the patient is (state medical practice acts; Center for Connected Health Policy, "
    "cross-state licensing). CA: Colleges of Physicians are of the provinces (Medical Council of Canada).",
)  # fmt: skip
