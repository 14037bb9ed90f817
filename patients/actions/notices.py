"""The privacy notice: which version holds, and who has seen it."""

from datetime import datetime

from django.db import transaction

from patients.data import texts
from patients.models import Acknowledgement, ConsentText
from telemed.accounts.models import User
from telemed.core import audit


def due(user: User) -> bool:
    """They have not seen the present version."""
    return user.notice_read is None or user.notice_read < texts.newest(texts.NOTICE).version


@transaction.atomic
def acknowledge(user: User, *, language: str, now: datetime) -> Acknowledgement:
    """They have seen the present version in this language. Saying it twice changes nothing."""
    text, _made = ConsentText.objects.kept(texts.newest(texts.NOTICE, language))
    row, new = Acknowledgement.objects.get_or_create(user=user, text=text, defaults={"at": now})
    if new:
        user.notice_read = text.version
        user.save(update_fields=["notice_read"])
        audit.record("consent", "patients.notice", text.pk, by=user, purpose="PATRQT", outcome="seen")
    return row
