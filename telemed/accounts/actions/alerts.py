"""Word to the owner of an account when how one gets into it has changed: whoever did not do it learns so at once."""

from datetime import datetime
from uuid import uuid4

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from telemed.accounts.models import User
from telemed.notifications.actions import outbox

APP_ADDED = _("An authenticator app was set up for your account")
APP_REMOVED = _("The authenticator app was removed from your account")
PASSKEY_ADDED = _("A passkey was added to your account")
PASSKEY_REMOVED = _("A passkey was removed from your account")
CODES_RENEWED = _("New recovery codes were made for your account")
PASSWORD_CHANGED = _("The password of your account was changed")
EMAIL_CHANGED = _("The email address of your account was changed")
PHONE_CHANGED = _("The mobile number of your account was changed")


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


def tell(user: User, what: Promise, *, now: datetime, rest: Promise = LOOK, also: str | None = None) -> None:
    """In the transaction of the change: to the inbox, to every address of the account, and to ``also``, an old one.
    ``rest``: what the person should do."""
    with outbox.speaking(user):
        notice = outbox.Notice(subject=f"{what}", body=f"{what}. {rest}", link=reverse("accounts:security"))
    key = f"security:{uuid4().hex}"
    outbox.send(user, notice, kind="security", key=key, now=now, channels=("inbox", "email", "sms"))
    if also:
        channel = "email" if "@" in also else "sms"
        outbox.send_to(also, channel, notice, kind="security", key=f"{key}:old", language=user.language, now=now)
