"""New keys while people work. Safe to stop and to run again: it goes on where it was."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from telemed.core import audit, crypto, kms, rotation
from telemed.core.datakeys import DataKey
from telemed.core.kms import keyfile
from telemed.core.management.attended import Attended


class Command(Attended):
    help = "Wrap the data keys by the root key in use (root), give every subject a new data key (data), or hash anew (index)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("level", choices=("root", "data", "index"))
        parser.add_argument("index", nargs="?", default="", help="index: which one, like invitation-address")
        parser.add_argument("--new", action="store_true", help="root, with a key file: make a fresh root key first")
        parser.add_argument(
            "--drop-old", action="store_true", help="root in a file, index: old ones are not used any more"
        )
        parser.add_argument(
            "--old-backups-are-lost",
            action="store_true",
            help="root in a file: delete what --drop-old took out; backups from before never open again",
        )
        parser.add_argument(
            "--settle",
            type=float,
            default=rotation.SETTLE,
            metavar="SECONDS",
            help=f"quiet time before old keys go, at least {rotation.LEAST:.0f}",
        )

    def work(self, *, by: Any, **options: Any) -> str:
        if options["settle"] < rotation.LEAST:
            raise CommandError(
                f"--settle must be {rotation.LEAST:.0f} or more: so long may a process still use the old keys."
            )
        try:
            return self._level(by, **options)
        except (rotation.Stuck, rotation.TooEarly) as error:
            raise CommandError(str(error)) from error

    def _level(self, by: Any, *, level: str, index: str, drop_old: bool, settle: float, **options: Any) -> str:
        if level == "root":
            new, lost = options["new"], options["old_backups_are_lost"]
            return self._root(by, new=new, drop_old=drop_old, lost=lost, settle=settle)
        if level == "index":
            return self._index(by, index, drop_old=drop_old, settle=settle)
        count = rotation.renew(self.say, settle=settle)
        audit.record("update", "core.datakey", "all", by=by, purpose="HOPERAT", outcome="rotated")
        return f"{count} old data keys are gone; 0 rows were left under them."

    def _root(self, by: Any, *, new: bool, drop_old: bool, lost: bool, settle: float) -> str:
        path = kms.key_file()
        if (new or drop_old or lost) and path is None:
            raise CommandError("KMS_URL names no file: make and retire the root key where it is kept, then run this.")
        if new + drop_old + lost > 1:
            raise CommandError("--new, --drop-old and --old-backups-are-lost are three steps: run them one by one.")
        if path and lost:
            return self._forget(by, path)
        if new and path:
            self.say(f"{keyfile.add(path)} is the root key now")
        count = rotation.rewrap(self.say)
        audit.record("update", "core.rootkey", kms.try_out()[-60:], by=by, purpose="HOPERAT", outcome="rotated")
        if drop_old and path:
            gone = ", ".join(sorted(rotation.drop_roots(path, self.say, settle=settle))) or "nothing"
            audit.record("update", "core.rootkey", gone[:60], by=by, purpose="HOPERAT", outcome="dropped")
            self.say(
                f"moved from {path} to {keyfile.dropped(path)}: {gone}. When verify_encryption finds all well and no"
            )
            self.say("backup from before is wanted any more, run rotate_keys root --old-backups-are-lost.")
        return f"{count} data keys were wrapped anew; not one value was touched."

    def _forget(self, by: Any, path: Path) -> str:
        """Nothing opens by these keys any more but backups of their time."""
        old = keyfile.dropped(path)
        if not old.exists():
            raise CommandError(f"{old} is not there: --drop-old comes first.")
        if used := set(keyfile.KeyFile(old).keys) & set(DataKey.objects.values_list("root", flat=True)):
            raise CommandError(f"{', '.join(sorted(used))} still wraps data keys: put the line back into {path}.")
        names = ", ".join(sorted(keyfile.KeyFile(old).keys))
        old.unlink()
        audit.record("delete", "core.rootkey", names[:60], by=by, purpose="HOPERAT", outcome="dropped")
        return f"{names}: gone for good, and with it every backup of its time."

    def _index(self, by: Any, label: str, *, drop_old: bool, settle: float) -> str:
        count = rotation.drop_index(label, settle=settle) if drop_old else rotation.renew_index(label)
        if not count:
            known = DataKey.objects.filter(subject__startswith=crypto.INDEX).values_list("subject", flat=True)
            names = ", ".join(sorted({subject.removeprefix(crypto.INDEX) for subject in known})) or "none"
            raise CommandError(f"Nothing to do for the index {label!r}. There are: {names}.")
        audit.record(
            "update", "core.indexkey", label, by=by, purpose="HOPERAT", outcome="dropped" if drop_old else "rotated"
        )
        return f"{count} old keys are gone." if drop_old else f"A new key hashes; lookups try {count}."
