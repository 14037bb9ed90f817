"""The second step of a sign-in: nobody who has a second factor, and no member of staff without one, gets a session by
the first step alone."""

from allauth.account.stages import LoginStage
from django.http import HttpResponse
from django.shortcuts import redirect
from django_otp import devices_for_user

from telemed.accounts.models import User


class SecondFactor(LoginStage):
    key = "second_factor"
    urlname = "accounts:factor"

    def handle(self) -> tuple[HttpResponse | None, bool]:
        user = self.login.user
        if not needs_factor(user) or getattr(user, "otp_device", None):
            return None, True
        return redirect(self.urlname if has_factor(user) else "accounts:enrol"), True


def has_factor(user: User) -> bool:
    return any(devices_for_user(user, confirmed=True))


def needs_factor(user: User) -> bool:
    return user.is_staff or has_factor(user)
