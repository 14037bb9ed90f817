"""Another installation, in a process of its own: it takes a record in, exports it again and says where the two differ.

python -m tests.prove.second record.zip password certificate.pem
"""

import json
import sys
from pathlib import Path
from typing import Any

import django
from django.conf import settings


def main(archive: str, password: str, certificate: str) -> None:
    django.setup()
    from django.core.management import call_command

    from telemed.core import clock, keys
    from telemed.core.origin import origin

    call_command("migrate", interactive=False, verbosity=0)
    keys.make_signing_key(settings.SIGNING["key"], settings.SIGNING["certificate"], name="Second", now=clock.now())
    with origin("command", detail="prove"):
        print(json.dumps(_compare(Path(archive).read_bytes(), password, Path(certificate).read_bytes())))


def _compare(content: bytes, password: str, trusted: bytes) -> dict[str, Any]:
    from telemed.accounts.models import User
    from telemed.core import clock, files
    from telemed.records import archive, importing, taking
    from telemed.records.carrying import carried
    from telemed.records.equality import differences

    before = User.objects.count()
    office = User.objects.create_user(email="office@example.com", role=User.Role.STAFF, is_staff=True)
    done = importing.take_in(content, password=password, trusted=trusted, by=office, now=clock.now())
    assert done.patient.user
    row, second = taking.make(done.patient, by=done.patient.user, now=clock.now())
    assert row.file
    ours = settings.SIGNING["certificate"].read_bytes()
    first, *_rest = archive.unpack(content, password=password, trusted=trusted)
    again, *_rest = archive.unpack(b"".join(files.read(row.file)), password=second, trusted=ours)
    one, other = (
        [entry["resource"] for entry in json.loads(found["bundle.json"])["entry"]] for found in (first, again)
    )
    (kept, pending), (other, _none) = carried(one), carried(other)
    papers = [{name: data for name, data in found.items() if name.startswith("files/")} for found in (first, again)]
    differing = [name for name in papers[0] if papers[0][name] != papers[1].get(name)]
    return {
        "empty": before == 0, "differences": differences(kept, other) + differing, "resources": len(kept),
        "kinds": len({each["resourceType"] for each in kept}), "files": len(papers[0]), "pending": pending,
    }  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
