"""Change history for the admin (django-auditlog). It stores values, so only models without clinical content are here,
and what tells who somebody is gets masked. The access log (core.audit) is separate and complete."""

from auditlog.registry import auditlog

from billing.models import Payment, Refund
from consultations.models import Appointment
from doctors.models import Doctor, Licence, TimeOff, VisitType, WeeklyHours
from telemed.accounts.models import Clinic, User

auditlog.register(User, exclude_fields=["password", "last_login"], mask_fields=["email", "phone"])
auditlog.register(Clinic, exclude_fields=["logo"])
auditlog.register(Doctor)
auditlog.register(Licence)
auditlog.register(VisitType)
auditlog.register(WeeklyHours)
auditlog.register(TimeOff)
auditlog.register(Appointment, exclude_fields=["reason"])
auditlog.register(Payment)
auditlog.register(Refund)
