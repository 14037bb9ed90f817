from doctors.models.licences import Decision, Document, Education, Licence, moments
from doctors.models.practice import (
    KNOWN,
    DayHours,
    DeskInvite,
    Doctor,
    Schedule,
    Specialty,
    TimeOff,
    VisitType,
    WeeklyHours,
)

__all__ = [
    "KNOWN",
    "DayHours",
    "Decision",
    "DeskInvite",
    "Doctor",
    "Document",
    "Education",
    "Licence",
    "Schedule",
    "Specialty",
    "TimeOff",
    "VisitType",
    "WeeklyHours",
    "moments",
]
