from typing import Any

from django.contrib.admin import register
from django.http import HttpRequest

from adminops.admin.base import Inline, Table
from adminops.site import site
from doctors.models import Doctor, VisitType, WeeklyHours


class VisitTypes(Inline):
    model = VisitType


class Hours(Inline):
    model = WeeklyHours


@register(Doctor, site=site)
class DoctorAdmin(Table):
    """State and registration change by a decision (see "Doctors to verify"), not by editing."""

    list_display = ("name", "state", "specialty", "registration_council", "registration_number", "created_at")
    list_filter = ("state", "specialty")
    search_fields = ("name", "registration_number")
    inlines = (VisitTypes, Hours)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return self.inlines if obj else ()
