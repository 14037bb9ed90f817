from patients.models.chart import Allergy, ChartItem, Condition, TimelineEntry
from patients.models.consents import Acknowledgement, Channel, Consent, ConsentText
from patients.models.disclosures import Disclosure
from patients.models.emergency import EmergencyAccess, Label
from patients.models.exports import RecordExport, RecordImport
from patients.models.invitations import Invitation
from patients.models.limits import Limit
from patients.models.people import Grant, Patient, Proxy, Registration
from patients.models.requests import Addendum, PrivacyRequest, RequestMessage
from patients.models.side import kept_from_proxies, on_the_side_of

__all__ = [
    "Acknowledgement",
    "Addendum",
    "Allergy",
    "Channel",
    "ChartItem",
    "Condition",
    "Consent",
    "ConsentText",
    "Disclosure",
    "EmergencyAccess",
    "Grant",
    "Invitation",
    "Label",
    "Limit",
    "Patient",
    "PrivacyRequest",
    "Proxy",
    "RecordExport",
    "RecordImport",
    "Registration",
    "RequestMessage",
    "TimelineEntry",
    "kept_from_proxies",
    "on_the_side_of",
]
