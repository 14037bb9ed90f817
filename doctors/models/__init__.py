from doctors.models.licences import Decision, Document, Education, Licence, moments
from doctors.models.practice import KNOWN, DeskInvite, Doctor, Specialty, TimeOff, VisitType, WeeklyHours

__all__ = [
    "KNOWN",
    "Decision",
    "DeskInvite",
    "Doctor",
    "Document",
    "Education",
    "Licence",
    "Specialty",
    "TimeOff",
    "VisitType",
    "WeeklyHours",
    "moments",
]
