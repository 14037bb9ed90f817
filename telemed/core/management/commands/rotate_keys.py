"""New keys while people work. Safe to stop and to run again: it goes on where it was."""

from argparse import ArgumentParser
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
        parser.add_argument("--drop-old", action="store_true", help="root in a file, index: delete the old ones")
        parser.add_argument(
            "--settle",
            type=float,
            default=rotation.SETTLE,
            metavar="SECONDS",
            help="data, index: quiet time before old keys go",
        )

    def work(self, *, by: Any, **options: Any) -> str:
        try:
            return self._level(by, **options)
        except rotation.Stuck as error:
            raise CommandError(str(error)) from error

    def _level(self, by: Any, *, level: str, index: str, new: bool, drop_old: bool, settle: float, **_: Any) -> str:
        if level == "root":
            return self._root(by, new=new, drop_old=drop_old)
        if level == "index":
            return self._index(by, index, drop_old=drop_old, settle=settle)
        count = rotation.renew(self.say, settle=settle)
        audit.record("update", "core.datakey", "all", by=by, purpose="HOPERAT", outcome="rotated")
        return f"{count} old data keys are gone; 0 rows were left under them."

    def _root(self, by: Any, *, new: bool, drop_old: bool) -> str:
        path = kms.key_file()
        if (new or drop_old) and path is None:
            raise CommandError("KMS_URL names no file: make and retire the root key where it is kept, then run this.")
        if new and path:
            self.say(f"{keyfile.add(path)} is the root key now")
        count = rotation.rewrap(self.say)
        audit.record("update", "core.rootkey", kms.try_out()[-60:], by=by, purpose="HOPERAT", outcome="rotated")
        if drop_old and path:
            used = set(DataKey.objects.values_list("root", flat=True).distinct()) | {kms.try_out()}
            gone = set(keyfile.KeyFile(path).keys) - used
            keyfile.drop(path, gone)
            self.say(f"deleted from {path}: {', '.join(sorted(gone)) or 'nothing'}")
        return f"{count} data keys were wrapped anew; not one value was touched."

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
