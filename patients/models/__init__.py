from patients.models.chart import Allergy, ChartItem, Condition, TimelineEntry
from patients.models.consents import Consent, ConsentText
from patients.models.emergency import EmergencyAccess, Label
from patients.models.invitations import Invitation
from patients.models.people import Grant, Patient, Proxy, Registration, on_the_side_of

__all__ = [
    "Allergy",
    "ChartItem",
    "Condition",
    "Consent",
    "ConsentText",
    "EmergencyAccess",
    "Grant",
    "Invitation",
    "Label",
    "Patient",
    "Proxy",
    "Registration",
    "TimelineEntry",
    "on_the_side_of",
]
