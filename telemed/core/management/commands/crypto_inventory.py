"""Every key: what it is for, its algorithm, where it lives, how many there are and since when, and which fields it
protects. It opens nothing."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from telemed.core import audit, inventory
from telemed.core.management.attended import Attended


class Command(Attended):
    help = "List every key and every encrypted field."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--json", action="store_true", help="for programs")

    def work(self, *, by: Any, **options: Any) -> str:
        audit.record("read", "core.keys", by=by, purpose="HOPERAT")
        keys, fields = inventory.purposes(), list(inventory.fields())
        if options["json"]:
            rows = [{"field": name, "key": owner, "values": count} for name, owner, count in fields]
            return json.dumps({"keys": [asdict(key) for key in keys], "fields": rows}, default=str, indent=2)
        for key in keys:
            since = key.since.date().isoformat() if key.since else "-"
            retired = f", {key.retired} of them retired" if key.retired else ""
            self.say(f"{key.name} | {key.algorithm} | {key.place} | {key.protects} | {key.count}{retired} | {since}")
        self.say("")
        for name, owner, count in fields:
            self.say(f"{name} | key of {owner} | {count} values")
        return f"{len(keys)} kinds of key, {len(fields)} encrypted fields."
