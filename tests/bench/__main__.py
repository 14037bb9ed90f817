"""`make bench`: speed and memory, each beside a floor that was measured in the same run on the same machine."""

import os
import sys
from collections.abc import Callable, Iterable
from functools import partial
from io import StringIO

from telemed.core.origin import origin
from telemed.embedded import servers
from tests.figures import Figure, show


def main() -> int:
    with servers(throwaway=True) as env:
        os.environ.update(env | {"DJANGO_SETTINGS_MODULE": "telemed.settings"})
        _prepare()
        with origin("bench"):
            return show(_measures(dict(os.environ)))


def _prepare() -> None:
    """An empty database of the present schema; this process makes the people who take part."""
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    from telemed.core import kms

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # nobody signs in with these
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    for command in ("migrate", "load_consents"):
        call_command(command, verbosity=0, stdout=StringIO())
    kms.root()


def _measures(env: dict[str, str]) -> dict[str, Callable[[], Iterable[Figure]]]:
    from tests.bench import bookings, footprint, pages, races, sealed, signalling, trail

    return {
        "G5": partial(races.contested, env),
        "G7": partial(bookings.booking, env),
        "G10": partial(pages.hello, env),
        "G11": partial(pages.pages, env),
        "G16": signalling.measure,
        "G23": partial(footprint.weight, env),
        "G24": partial(footprint.start, env),
        "encrypted-field": sealed.field,
        "encrypted-page": partial(sealed.page, env),
        "file-throughput": sealed.file,
        "memory": partial(footprint.whole, env),
        "audit-insert": trail.insert,
        "audit-verify": trail.verify,
    }


if __name__ == "__main__":
    sys.exit(main())
