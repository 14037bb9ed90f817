from typing import Any

from django.contrib.admin import register
from django.http import HttpRequest

from adminops.admin.base import Table
from adminops.forms import ClinicForm
from adminops.site import site
from telemed.accounts.actions import sessions
from telemed.accounts.clinics import forget_clinics
from telemed.accounts.context import me
from telemed.accounts.models import Clinic, Membership, User
from telemed.core import audit, realtime

RIGHTS = {"role", "is_active", "is_staff", "is_superuser", "groups", "user_permissions"}


@register(User, site=site)
class UserAdmin(Table):
    list_display = ("__str__", "role", "is_active", "is_staff", "joined_at", "last_login")
    list_filter = ("role", "is_active", "is_staff")
    search_fields = ("email", "phone", "name")
    fields = (
        "email",
        "phone",
        "name",
        "role",
        "language",
        "time_zone",
        "is_active",
        "is_staff",
        "joined_at",
        "last_login",
    )
    readonly_fields = ("email", "phone", "role", "joined_at", "last_login")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if RIGHTS.intersection(form.changed_data):  # whoever may do something else now signs in anew
            sessions.end_all(obj, by=me(request))
        audit.record("update", "accounts.user", obj.pk, by=me(request), purpose="HOPERAT")


@register(Clinic, site=site)
class ClinicAdmin(Table):
    """Whoever runs the installation opens clinics; the staff of one may change their own."""

    list_display = ("name", "host", "country", "time_zone", "currency")
    form = ClinicForm

    def has_add_permission(self, request: HttpRequest) -> bool:
        return me(request).is_superuser

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if me(request).is_superuser else ("host",)

    def save_model(self, request: HttpRequest, obj: Clinic, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        forget_clinics()
        audit.record("update", "accounts.clinic", obj.pk, by=me(request), purpose="HOPERAT")


@register(Membership, site=site)
class MembershipAdmin(Table):
    """Who works at which clinic."""

    list_display = ("user", "clinic", "since")
    list_select_related = ("user", "clinic")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return me(request).is_superuser

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        realtime.look_again(obj.user_id)
        audit.record("update", "accounts.membership", obj.pk, by=me(request), purpose="HOPERAT")
