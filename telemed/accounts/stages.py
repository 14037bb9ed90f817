"""The second step of a sign-in: nobody who has a second factor, and nobody who works here without one, gets a session by
the first step alone; nor does who came by an address that is too new to be trusted."""

from allauth.account.stages import LoginStage
from django.http import HttpResponse
from django.shortcuts import redirect

from telemed.accounts.actions import factors


class SecondFactor(LoginStage):
    key = "second_factor"
    urlname = "accounts:factor"

    def handle(self) -> tuple[HttpResponse | None, bool]:
        user = self.login.user
        wanted = factors.needed(user) or getattr(user, "by_new_address", False)
        if not wanted or getattr(user, "otp_device", None):
            return None, True
        return redirect(self.urlname if factors.held(user) else "accounts:enrol"), True
