"""Who is told what about the proof of who they are."""

from django.urls import reverse
from django.utils.translation import gettext as _

from telemed.accounts.models import IdentityCheck
from telemed.core import clock, events
from telemed.core.models import Event
from telemed.notifications.actions import outbox
from telemed.notifications.actions.outbox import Notice

State = IdentityCheck.State


@events.on("accounts.identitycheck.approved", "accounts.identitycheck.refused", "accounts.identitycheck.lapsed")
def tell_the_person(event: Event) -> None:
    check = IdentityCheck.objects.select_related("user").get(pk=event.entity_id)
    if event.name != f"accounts.identitycheck.{check.state}":
        return  # another decision followed; that one is told by itself
    with outbox.speaking(check.user):
        notice = Notice(_("About the check of your identity"), _words(check), reverse("patients:identity"))
    outbox.send(check.user, notice, kind="identity.decided", key=f"identity:{event.pk}", now=clock.now())


def _words(check: IdentityCheck) -> str:
    match check.state:
        case State.APPROVED:
            return _("We have checked who you are. Your doctor sees that; the pictures are deleted soon.")
        case State.REFUSED:
            return _("We could not confirm who you are from the pictures. Sign in to read why, and send new ones.")
        case _lapsed:
            return _(
                "The check of your identity does not hold any more. Sign in to send new pictures when you need it."
            )
