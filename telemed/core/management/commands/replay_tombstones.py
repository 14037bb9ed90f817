"""After a restore with other tools: erases again whoever was erased since the copy was made."""

from typing import Any

from telemed.core import audit, tombstones
from telemed.core.management.attended import Attended


class Command(Attended):
    help = "Destroy the keys of everybody whose tombstone this copy of the database does not have."
    requires_system_checks: list[str] = []

    def work(self, *, by: Any, **options: Any) -> str:
        count = tombstones.replay(by=by)
        audit.record("delete", "core.datakey", "tombstones", by=by, purpose="HOPERAT", outcome="replayed")
        return f"{count} erasures were done again."
