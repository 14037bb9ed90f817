import pytest
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice

from doctors.models import Doctor
from telemed.accounts.models import User
from tests.conftest import Browse
from tests.doctors import kit


def proven(user: User, browse: Browse) -> Client:
    """The browser of a member of staff, second factor done."""
    device = TOTPDevice.objects.create(user=user, confirmed=True)
    client = browse(user)
    session = client.session
    session["otp_device_id"] = device.persistent_id
    session.save()
    return client


@pytest.fixture
def office(admin: User, browse: Browse) -> Client:
    return proven(admin, browse)


@pytest.fixture
def noor(db: None, browse: Browse) -> Doctor:
    """Somebody who has sent an application."""
    return kit.sent(browse)
