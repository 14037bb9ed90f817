from django.contrib.admin import register

from adminops.admin.base import ReadOnly
from adminops.site import site
from consultations.models import Appointment, Diagnosis, Medicine, Prescription, Reminder


@register(Appointment, site=site)
class AppointmentAdmin(ReadOnly):
    list_display = ("reference", "state", "doctor", "patient", "starts_at", "mode", "price", "currency")
    list_filter = ("state", "mode", "starts_at")
    search_fields = ("reference", "doctor__name", "patient__number")
    list_select_related = ("doctor", "patient")


@register(Reminder, site=site)
class ReminderAdmin(ReadOnly):
    list_display = ("appointment", "minutes_before", "due_at", "done_at", "sent")
    list_filter = ("sent",)
    list_select_related = ("appointment",)


@register(Prescription, site=site)
class PrescriptionAdmin(ReadOnly):
    """That it exists and in which state. What is on it is between doctor and patient."""

    list_display = ("reference", "state", "doctor", "signed_at", "valid_until")
    list_filter = ("state",)
    search_fields = ("reference", "doctor__name")
    list_select_related = ("doctor",)


@register(Medicine, site=site)
class MedicineAdmin(ReadOnly):
    list_display = ("name", "atc", "group", "source")
    search_fields = ("name", "atc", "code")
    about_people = False


@register(Diagnosis, site=site)
class DiagnosisAdmin(ReadOnly):
    list_display = ("code", "name")
    search_fields = ("code", "name")
    about_people = False
