from typing import Any

from django.contrib.admin import register
from django.http import HttpRequest

from adminops.admin.base import Table
from adminops.site import site
from telemed.accounts.context import me
from telemed.accounts.models import Clinic, User
from telemed.core import audit, realtime


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
        realtime.look_again(obj.pk)
        audit.record("update", "accounts.user", obj.pk, by=me(request), purpose="HOPERAT")


@register(Clinic, site=site)
class ClinicAdmin(Table):
    list_display = ("name", "country", "time_zone", "currency")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return not Clinic.objects.exists()
