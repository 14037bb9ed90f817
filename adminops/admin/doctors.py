from typing import Any, ClassVar

from django.contrib.admin import display, register
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from adminops.admin.base import Inline, Table, Tells
from adminops.site import site
from doctors.models import Doctor, VisitType, WeeklyHours


class VisitTypes(Inline):
    model = VisitType


class Hours(Inline):
    model = WeeklyHours


@register(Doctor, site=site)
class DoctorAdmin(Table):
    """State and registration change by a decision (see "Doctors to verify"), not by editing."""

    list_display = ("name", "state", "specialty", "registration_council", "registration_number", "papers")
    list_filter = ("state", "specialty")
    search_fields = ("name", "registration_number")
    inlines = (VisitTypes, Hours)
    tells: ClassVar[Tells] = {"papers": ("registration_number",)}

    @display(description=_("papers"))
    def papers(self, row: Doctor) -> SafeString:
        return format_html('<a href="{}">{}</a>', reverse("admin:decide", args=[row.pk]), _("Licences and decisions"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return self.inlines if obj else ()
