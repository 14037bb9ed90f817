from typing import Any, ClassVar

from django.contrib.admin import display, register
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from adminops.admin.base import ReadOnly, Table, Tells
from adminops.forms import ClinicForm
from adminops.site import site
from telemed.accounts import addresses
from telemed.accounts.actions import misuse, sessions
from telemed.accounts.clinics import forget_clinics, runs_installation, settle, the_clinic
from telemed.accounts.context import me
from telemed.accounts.models import AccountChange, Clinic, Membership, User
from telemed.core import audit, clock

RIGHTS = {"role", "is_active", "is_staff", "is_superuser", "groups", "user_permissions"}


@register(User, site=site)
class UserAdmin(Table):
    list_display = ("label", "email", "phone", "role", "is_active", "is_staff", "joined_at", "last_login")
    list_filter = ("role", "is_active", "is_staff")
    search_fields = ("=email", "=phone")
    tells: ClassVar[Tells] = {"label": ("name",)}

    @display(description=_("person"))
    def label(self, row: User) -> str:
        return str(row)

    def sought(self, words: str) -> str:
        """By a whole address, however it is written."""
        return addresses.as_kept(words, the_clinic().country)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if RIGHTS.intersection(form.changed_data):  # whoever may do something else now signs in anew
            sessions.end_all(obj, by=me(request))
        if "is_active" in form.changed_data and obj.is_active:
            misuse.opened_by_hand(obj, by=me(request), now=clock.now())
        audit.record("update", "accounts.user", obj.pk, by=me(request), purpose="HOPERAT")


@register(AccountChange, site=site)
class AccountChangeAdmin(ReadOnly):
    """New addresses that are not settled, and second steps that were taken away. Asked for under "Second steps"."""

    list_display = ("began_at", "user", "kind", "state", "settles_at", "by", "ended_at")
    list_filter = ("kind", "state")
    list_select_related = ("user", "by")


@register(Clinic, site=site)
class ClinicAdmin(Table):
    """Whoever runs the installation opens clinics; the admins of one may change their own."""

    list_display = ("name", "host", "country", "time_zone", "currency")
    form = ClinicForm
    about_people = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return runs_installation(me(request))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """The logo is uploaded; which host a clinic has is said by whoever runs the installation."""
        fixed = set() if runs_installation(me(request)) else {"host"}
        shown = [self.sight(request).line(name) if name in fixed else name for name in super().get_fields(request, obj)]
        return [*shown, "upload"] if "name" in shown else shown

    def save_model(self, request: HttpRequest, obj: Clinic, form: Any, change: bool) -> None:
        if not change:
            settle()
        super().save_model(request, obj, form, change)
        forget_clinics()
        audit.record("update", "accounts.clinic", obj.pk, by=me(request), purpose="HOPERAT")


@register(Membership, site=site)
class MembershipAdmin(ReadOnly):
    """Who works at which clinic. It is asked for and agreed to under "Approvals"."""

    list_display = ("user", "clinic", "since")
    list_select_related = ("user", "clinic")
