"""What staff see of each domain. Record text is not shown here: lists and forms hold references and states."""

from adminops.admin import accounts, billing, consultations, core, doctors, notifications, patients, requests
from adminops.site import site

__all__ = ["accounts", "billing", "consultations", "core", "doctors", "notifications", "patients", "requests", "site"]
