from django.contrib.admin import register

from adminops.admin.base import ReadOnly
from adminops.models import Approval, HelpSession
from adminops.site import site


@register(Approval, site=site)
class ApprovalAdmin(ReadOnly):
    """Every question that was put to a second person. Asked and decided under "Approvals"."""

    list_display = ("asked_at", "kind", "person", "role", "clinic", "asked_by", "state", "decided_by", "decided_at")
    list_filter = ("state", "kind")
    list_select_related = ("person", "clinic", "asked_by", "decided_by")


@register(HelpSession, site=site)
class HelpSessionAdmin(ReadOnly):
    """Who looked at whose pages with their consent, and until when."""

    list_display = ("asked_at", "person", "asked_by", "state", "record", "expires_at", "ended_at")
    list_filter = ("state", "record")
    list_select_related = ("person", "asked_by")
