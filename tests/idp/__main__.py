"""``python -m tests.idp PORT CALLBACK``: the provider with its people, until it is ended."""

import os
import sys
from wsgiref.simple_server import make_server

import django
from django.core.management import call_command

PEOPLE = {
    "amira@example.com": True, "new@example.com": True, "unverified@example.com": False, "admin@example.com": True,
}  # fmt: skip
PASSWORD = "the provider's own pass phrase"
CLIENT_ID, CLIENT_SECRET = "carepath", "the secret of carepath"


def main(port: int, callback: str) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.idp.settings"
    django.setup()
    call_command("migrate", verbosity=0)
    _people()
    _client(callback)
    from django.core.wsgi import get_wsgi_application

    with make_server("127.0.0.1", port, get_wsgi_application()) as server:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        server.serve_forever()


def _people() -> None:
    from allauth.account.models import EmailAddress
    from django.contrib.auth.models import User

    for email, verified in PEOPLE.items():
        user = User.objects.create_user(email, email, PASSWORD)
        EmailAddress.objects.create(user=user, email=email, verified=verified, primary=True)


def _client(callback: str) -> None:
    from allauth.idp.oidc.models import Client

    client = Client(
        id=CLIENT_ID, name="Carepath", type="confidential", redirect_uris=callback, scopes="openid\nprofile\nemail",
        default_scopes="openid", grant_types="authorization_code", skip_consent=True,
    )  # fmt: skip
    client.set_secret(CLIENT_SECRET)
    client.save()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
