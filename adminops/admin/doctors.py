from typing import Any

from django.contrib.admin import display, register
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from adminops.admin.base import Inline, Table
from adminops.site import site
from doctors.models import Doctor, VisitType, WeeklyHours


class VisitTypes(Inline):
    model = VisitType
    extra = 0


class Hours(Inline):
    model = WeeklyHours
    extra = 0


@register(Doctor, site=site)
class DoctorAdmin(Table):
    """State and registration change by a decision (see "Doctors to verify"), not by editing."""

    list_display = ("name", "state", "specialty", "registration_council", "registration_number", "papers")
    list_filter = ("state", "specialty")
    search_fields = ("name", "registration_number")
    readonly_fields = (
        "user",
        "clinic",
        "state",
        "slug",
        "registration_council",
        "registration_number",
        "reviewer",
        "decided_at",
        "decided_by",
        "decision",
        "created_at",
    )
    inlines = (VisitTypes, Hours)

    @display(description=_("papers"))
    def papers(self, row: Doctor) -> SafeString:
        return format_html('<a href="{}">{}</a>', reverse("admin:decide", args=[row.pk]), _("Licences and decisions"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return self.inlines if obj else ()
