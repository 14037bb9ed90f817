from consultations.models.appointments import Appointment, AppointmentMove, Reminder
from consultations.models.dictionaries import Diagnosis, DictionaryVersion, DictionaryWord, Medicine, Product
from consultations.models.prescriptions import Prescription, PrescriptionItem
from consultations.models.rooms import ClinicalNote, Consultation, Participant, RoomEvent

__all__ = [
    "Appointment",
    "AppointmentMove",
    "ClinicalNote",
    "Consultation",
    "Diagnosis",
    "DictionaryVersion",
    "DictionaryWord",
    "Medicine",
    "Participant",
    "Prescription",
    "PrescriptionItem",
    "Product",
    "Reminder",
    "RoomEvent",
]
