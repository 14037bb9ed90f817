"""The head of the sealed access log is seen by who watches over it, in the admin and in the mail."""

from datetime import datetime

from adminops.tasks import mail_head
from patients.models import Patient
from telemed.core import sealing
from telemed.core.models import AuditSeal
from telemed.notifications.models import Message
from tests import cast
from tests.adminops.test_roles import office
from tests.conftest import Browse, Time


def test_the_head_is_mailed_once_a_day_to_those_who_review(amira: Patient, time: Time) -> None:
    privacy = cast.staff("privacy@example.com", "compliance")
    cast.staff("support@example.com", "support")
    mail_head()
    assert Message.objects.filter(kind="audit.head").count() == 0
    sealing.seal(now=time.now)
    head = AuditSeal.objects.get()
    mail_head()
    mail_head()
    told = Message.objects.filter(kind="audit.head", channel="email")
    assert [(row.user_id, head.proof().hash.hex() in row.body) for row in told] == [(privacy.pk, True)]
    time.move(days=1)
    mail_head()
    assert told.all().count() == 2


def test_the_admin_lists_the_seals_with_their_hashes(amira: Patient, now: datetime, browse: Browse) -> None:
    privacy = cast.staff("privacy@example.com", "compliance")
    sealing.seal(now=now)
    page = office(browse, privacy).get("/admin/core/auditseal/").content.decode()
    assert AuditSeal.objects.get().proof().hash.hex() in page
