from typing import ClassVar

from auditlog.models import LogEntry
from django.contrib.admin import display, register
from django.utils.translation import gettext_lazy as _

from adminops.admin.base import ReadOnly, Tells
from adminops.site import site
from telemed.accounts.models import User
from telemed.core.models import AuditEvent, AuditSeal, Delivery, Event


@register(AuditEvent, site=site)
class AuditEventAdmin(ReadOnly):
    """Who did what to whose record. Nothing here can be changed, by anyone."""

    list_display = ("at", "actor", "actor_role", "action", "entity", "patient_id", "purpose", "outcome", "channel")
    list_filter = ("action", "actor_role", "channel", "purpose", "outcome", "at")
    search_fields = ("=actor_id", "=patient_id", "=entity_id", "=request_id")
    tells: ClassVar[Tells] = {"actor": ("actor_id",)}

    @display(description="actor")
    def actor(self, row: AuditEvent) -> str:
        person = User.objects.filter(pk=row.actor_id).first() if row.actor_id else None
        return str(person or row.actor_id or "-")


@register(AuditSeal, site=site)
class AuditSealAdmin(ReadOnly):
    """The signatures under the access log. The newest one is its head: its hash stands in the daily mail too."""

    list_display = ("n", "at", "first", "last", "count", "hash", "key")
    ordering = ("-n",)
    tells: ClassVar[Tells] = {"hash": ("root", "signature")}
    about_people: ClassVar[bool] = False

    @display(description=_("hash"))
    def hash(self, row: AuditSeal) -> str:
        return row.proof().hash.hex()


@register(Event, site=site)
class EventAdmin(ReadOnly):
    list_display = ("name", "entity_id", "by_id", "at")
    list_filter = ("name",)
    search_fields = ("=entity_id",)


@register(Delivery, site=site)
class DeliveryAdmin(ReadOnly):
    list_display = ("event", "subscriber", "state", "attempts", "due_at", "error")
    list_filter = ("state", "subscriber")
    list_select_related = ("event",)


@register(LogEntry, site=site)
class ChangeAdmin(ReadOnly):
    list_display = ("timestamp", "actor", "action", "content_type", "object_repr", "changes_str")
    tells: ClassVar[Tells] = {"changes_str": ("changes",)}
    list_filter = ("action", "content_type")
    list_select_related = ("actor", "content_type")
