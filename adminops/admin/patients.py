from typing import ClassVar

from django.contrib.admin import display, register

from adminops.admin.base import ReadOnly, Tells
from adminops.site import site
from patients.models import Acknowledgement, Consent, ConsentText, EmergencyAccess, Grant, Invitation, Patient, Proxy


@register(Patient, site=site)
class PatientAdmin(ReadOnly):
    """The account and its state. Who the person is stands encrypted in the record, and the record is not for here."""

    list_display = ("number", "account", "complete", "created_at")
    search_fields = ("number", "=user__email", "=user__phone")
    list_select_related = ("user",)
    tells: ClassVar[Tells] = {"account": ("user",), "complete": ("completed_at",)}

    @display(description="account")
    def account(self, row: Patient) -> str:
        return str(row.user or "–")

    @display(description="profile complete", boolean=True)
    def complete(self, row: Patient) -> bool:
        return row.completed_at is not None


@register(Grant, site=site)
class GrantAdmin(ReadOnly):
    list_display = ("patient", "user", "reason", "scope", "opened_at", "expires_at", "closed_at")
    list_filter = ("reason", "scope")
    list_select_related = ("patient", "user")


@register(Proxy, site=site)
class ProxyAdmin(ReadOnly):
    """Who acts for whom, and why. The names stand in the records."""

    list_display = ("patient", "user", "relation", "basis", "rights", "opened_at", "expires_at", "closed_at", "ending")
    list_filter = ("basis", "relation", "ending")
    list_select_related = ("patient", "user")


@register(Invitation, site=site)
class InvitationAdmin(ReadOnly):
    """Who was asked, without the address."""

    list_display = ("patient", "kind", "by", "created_at", "expires_at", "used_at", "withdrawn_at")
    list_filter = ("kind",)
    list_select_related = ("patient", "by")


@register(ConsentText, site=site)
class ConsentTextAdmin(ReadOnly):
    list_display = ("purpose", "version", "language", "sha256")
    list_filter = ("purpose", "language")
    about_people = False


@register(Consent, site=site)
class ConsentAdmin(ReadOnly):
    list_display = ("patient", "text", "given_at", "withdrawn_at")
    list_select_related = ("patient", "text")


@register(EmergencyAccess, site=site)
class EmergencyAccessAdmin(ReadOnly):
    """Decided in the queue (see "Emergency access"), read here."""

    list_display = ("opened_at", "doctor", "patient", "code", "sensitive", "review_due_at", "outcome", "reviewed_by")
    list_filter = ("outcome", "code", "sensitive")
    list_select_related = ("doctor", "patient", "reviewed_by")


@register(Acknowledgement, site=site)
class AcknowledgementAdmin(ReadOnly):
    """Who has seen which version of the privacy notice."""

    list_display = ("user", "text", "at")
    list_filter = ("text__version",)
    list_select_related = ("user", "text")
