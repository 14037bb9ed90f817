"""Recomputes the whole access log and its seals. The same check runs elsewhere without Django: telemed/core/proof.py."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction

from telemed.core import anchors, clock, proof, sealing


class Command(BaseCommand):
    help = "Show whether the access log is as it was written; name the first line that is not."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        with transaction.atomic():
            source = proof.Database(connection.connection)
            verdict = proof.check(source, keys=sealing.public_keys(), anchors=anchors.kept(), now=clock.now())
        for fault in sorted(verdict.faults)[:20]:
            self.stdout.write(f"{fault.seq}: {fault.what}")
        self.stdout.write(f"{proof.sentence(verdict)} ({time.monotonic() - started:.1f} s)")
        if verdict.first:
            raise CommandError(f"the access log was bent, first at line {verdict.first.seq}")
