"""Makes the installation ready to serve: schema, roles, translations, static files, dictionaries, and in demo mode keys and
demo people. Safe to run again: what is done is skipped."""

import hashlib
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import polib
from django.apps import apps
from django.conf import settings
from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from telemed.core import audit, clock, keys, kms

UNUSED = ["rest_framework", "guardian"]  # pages of packages that we do not mount


class Command(BaseCommand):
    help = "Migrate, copy the roles, compile translations, collect static files, load dictionaries, seed the demo."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        steps: list[tuple[str, Callable[[], str]]] = [
            ("database", _migrate), ("roles", _roles), ("keys", _keys), ("translations", _translations), ("static files", _static),
            ("dictionaries", _dictionaries), ("demo people", _demo),
        ]  # fmt: skip
        with audit.origin("command", detail="prepare"):
            for name, step in steps:
                started = time.monotonic()
                outcome = step()
                self.stdout.write(f"{name}: {outcome} ({time.monotonic() - started:.1f} s)")


def _migrate() -> str:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        call_command("migrate", interactive=False, verbosity=0)
    return f"{len(plan)} migrations" if plan else "up to date"


def _roles() -> str:
    return _run_if_there("sync_roles")


def _keys() -> str:
    if settings.DEMO and not settings.SIGNING["key"].exists():
        keys.make_signing_key(
            settings.SIGNING["key"],
            settings.SIGNING["certificate"],
            name=f"{settings.CLINIC['name']} (demo)",
            now=clock.now(),
        )
    return kms.try_out()


def _translations() -> str:
    """Compile what changed, in Python: gettext's own tools may not be installed."""
    done = 0
    for source in sorted(
        Path(place) for root in settings.LOCALE_PATHS for place in Path(root).glob("*/LC_MESSAGES/*.po")
    ):
        target = source.with_suffix(".mo")
        if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            polib.pofile(str(source)).save_as_mofile(str(target))
            done += 1
    return f"{done} compiled" if done else "up to date"


def _static() -> str:
    """Collect when a source file or a package changed. A digest of names, sizes and times is kept beside the result."""
    facts = sorted(
        f"{path.relative_to(root)} {path.stat().st_size} {path.stat().st_mtime_ns}"
        for root in map(Path, settings.STATICFILES_DIRS)
        for path in root.rglob("*")
        if path.is_file()
    )
    packages = (settings.ROOT / "requirements.txt").read_text()  # some bring static files of their own
    digest = hashlib.sha256("\n".join([settings.VERSION, packages, *facts]).encode()).hexdigest()
    mark = settings.STATIC_ROOT / ".digest"
    if mark.exists() and mark.read_text() == digest:
        return "up to date"
    call_command("collectstatic", interactive=False, verbosity=0, clear=True, ignore_patterns=UNUSED)
    mark.write_text(digest)
    return "collected"


def _dictionaries() -> str:
    return f"medicines and diagnoses {_run_if_there('load_dictionaries')}, consents {_run_if_there('load_consents')}"


def _demo() -> str:
    return _run_if_there("seed_demo") if settings.DEMO else "not in production"


def _run_if_there(command: str) -> str:
    """Commands of the apps above: the platform does not import them, it asks whether they are installed."""
    apps.check_apps_ready()
    return str(call_command(command, stdout=StringIO())) if command in get_commands() else "none"
