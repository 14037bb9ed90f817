"""Sign-in by password, with an email address or a mobile number."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission
from django.db.models import QuerySet
from django.http import HttpRequest

from telemed.accounts.models import User


class Password(ModelBackend):
    def _get_user_permissions(self, user_obj: User) -> QuerySet[Permission]:
        """None of one's own: who may do what is said by roles alone."""
        return Permission.objects.none()

    def authenticate(  # type: ignore[override]
        self,
        request: HttpRequest | None,
        address: str | None = None,
        password: str | None = None,
        email: str | None = None,
        **_: Any,
    ) -> User | None:
        # allauth asks again by ``email`` when it wants fresh proof.
        user = User.objects.reached_at(address or email or "") if password else None
        if user is None or not user.has_usable_password():
            User().set_password(password or "")  # as slow as a real check, so that time tells nothing
            return None
        return user if user.check_password(password or "") and self.user_can_authenticate(user) else None
