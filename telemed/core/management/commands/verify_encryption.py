"""Opens every encrypted value and every file, and says where one does not open. Ends with 1 when there is one."""

from typing import Any

from django.core.management.base import CommandError

from telemed.core import audit, inventory
from telemed.core.management.attended import Attended

SHOWN = 50


class Command(Attended):
    help = "Open every encrypted value and every file; say which do not open."

    def work(self, *, by: Any, **options: Any) -> str:
        tried: dict[str, int] = {}
        bad = erased = 0
        for found in inventory.closed(tried):
            erased += found.erased
            bad += not found.erased
            if not found.erased:
                audit.record("verify", found.place, found.row, by=by, purpose="HOPERAT", outcome="tampered")
            if not found.erased and bad <= SHOWN:
                self.say(f"{found.place} of row {found.row}: {found.why}")
        files = tried.pop("files", 0)
        audit.record("verify", "core.encryption", by=by, purpose="HOPERAT", outcome="damaged" if bad else "whole")
        said = f"{sum(tried.values())} values in {len(tried)} fields and {files} files: {bad} do not open, {erased} were erased."
        if bad:
            raise CommandError(said)
        return said
