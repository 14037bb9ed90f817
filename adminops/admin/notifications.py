from django.contrib.admin import register

from adminops.admin.base import ReadOnly
from adminops.site import site
from telemed.notifications.models import Message


@register(Message, site=site)
class MessageAdmin(ReadOnly):
    """What was sent and whether it arrived; the words and the address stay sealed."""

    list_display = ("kind", "channel", "state", "attempts", "created_at", "sent_at", "error")
    list_filter = ("state", "channel", "kind")
    list_select_related = ("user",)
