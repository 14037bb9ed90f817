"""Word to the owner of an account when how one gets into it has changed: whoever did not do it learns so at once."""

from datetime import datetime
from uuid import uuid4

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from telemed.accounts.models import AccountChange, User
from telemed.core import clock
from telemed.notifications.actions import outbox

APP_ADDED = _("An authenticator app was set up for your account")
APP_REMOVED = _("The authenticator app was removed from your account")
PASSKEY_ADDED = _("A passkey was added to your account")
PASSKEY_REMOVED = _("A passkey was removed from your account")
CODES_RENEWED = _("New recovery codes were made for your account")
PASSWORD_CHANGED = _("The password of your account was changed")
EMAIL_CHANGED = _("The email address of your account was changed")
PHONE_CHANGED = _("The mobile number of your account was changed")
CHANGE_UNDONE = _("The last change of an address of your account was taken back, and every device is signed out")
RESET_ASKED = _("Our staff were asked to take the second step of your sign-in away, because it is lost")
RESET_STOPPED = _("The second step of your sign-in stays as it is")
RESET_DONE = _("The second step of your sign-in was taken away. Set up a new one when you sign in")


LOOK = _(
    "If this was you, there is nothing to do. If not, sign in now, remove what you do not know under Security, "
    "and choose a new password."
)
SHUT = _("Your account was shut because it opened or tried more than a person does")
SHUT_REST = _(
    "All your devices are signed out. A member of our staff looks at it and opens it again when all is well; call us if "
    "it is urgent."
)
OPENED = _("Your account is open again")
OPENED_REST = _("A member of our staff looked at it. You can sign in as before.")


def tell(user: User, what: Promise, *, now: datetime, undo: AccountChange | None = None, rest: Promise = LOOK) -> None:
    """In the transaction of the change: to the inbox, to every address of the account, and to those that were replaced
    lately. ``undo``: what a link in the messages takes back; the inbox has no such link.
    ``rest``: what the person should do."""
    key = f"security:{uuid4().hex}"
    with outbox.speaking(user):
        outbox.send(user, _notice(what, None, rest), kind="security", key=key, now=now, channels=("inbox",))
        notice = _notice(what, undo, rest)
    outbox.send(user, notice, kind="security", key=key, now=now, channels=("email", "sms"))
    for row in AccountChange.objects.unsettled(now).filter(user=user).exclude(before_mark=None):
        channel = "email" if "@" in row.before else "sms"
        own = f"{key}:{row.kind}"
        outbox.send_to(row.before, channel, notice, kind="security", key=own, language=user.language, now=now)


def _notice(what: Promise, undo: AccountChange | None, rest: Promise) -> outbox.Notice:
    if undo is None:
        return outbox.Notice(subject=f"{what}", body=f"{what}. {rest}", link=reverse("accounts:security"))
    words = gettext(
        "If this was you, there is nothing to do. If not, open this link before %(day)s, %(hour)s to stop it."
    )
    until = {"day": clock.day(undo.settles_at), "hour": clock.hour(undo.settles_at)}
    link = reverse("accounts:not-me", args=[undo.pk, undo.key])
    return outbox.Notice(subject=f"{what}", body=f"{what}. {words % until}", link=link)
