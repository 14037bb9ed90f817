from django.contrib.admin import display, register

from adminops.admin.base import ReadOnly
from adminops.site import site
from patients.models import Consent, ConsentText, Grant, Patient


@register(Patient, site=site)
class PatientAdmin(ReadOnly):
    """The account and its state. Who the person is stands encrypted in the record, and the record is not for here."""

    list_display = ("number", "account", "complete", "created_at")
    search_fields = ("number", "user__email", "user__phone")
    list_select_related = ("user",)
    fields = ("number", "user", "created_at", "completed_at", "allergies_asked_at")
    readonly_fields = fields

    @display(description="account", ordering="user__email")
    def account(self, row: Patient) -> str:
        return str(row.user)

    @display(description="profile complete", boolean=True)
    def complete(self, row: Patient) -> bool:
        return row.completed_at is not None


@register(Grant, site=site)
class GrantAdmin(ReadOnly):
    list_display = ("patient", "user", "reason", "scope", "opened_at", "expires_at", "closed_at")
    list_filter = ("reason", "scope")
    list_select_related = ("patient", "user")


@register(ConsentText, site=site)
class ConsentTextAdmin(ReadOnly):
    list_display = ("purpose", "version", "language", "sha256")
    list_filter = ("purpose", "language")


@register(Consent, site=site)
class ConsentAdmin(ReadOnly):
    list_display = ("patient", "text", "given_at", "withdrawn_at")
    list_select_related = ("patient", "text")
