"""Proves that nobody bent the access log. Needs nothing of the platform: copy this file to another machine, together with
an export (`manage.py export_audit log.jsonl`), the public keys (`manage.py export_audit --keys`) and the anchors, and run

    python proof.py log.jsonl --keys seal.keys [--anchors heads.jsonl]

or give the address of the database instead of the file. Python 3.11 and `cryptography` are enough (and `psycopg` for a
database). Ends with 0 when all is well, with 1 and the first bad sequence number when not, with 2 when it cannot read.

Every line of the log has canonical bytes and their hash, a leaf. Each second the sealer gives the new leaves the next
numbers, makes a Merkle tree of them (RFC 6962), and signs its root together with the hash of the seal before. The seal
also keeps the ids and the first bytes of each leaf, so that a changed line is found by itself and not only its seal.
"""

import argparse
import base64
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MARK = 8  # bytes of each leaf that a seal keeps
LAG = timedelta(minutes=15)  # no transaction is open longer: older lines were not written when they say
SKEW = timedelta(seconds=5)  # between the clocks of two machines
CHANGES = "DELETE OR UPDATE"
GUARDS = {
    "audit_append_only": ("core_auditevent", CHANGES), "audit_no_truncate": ("core_auditevent", "TRUNCATE"),
    "seal_append_only": ("core_auditseal", CHANGES), "seal_no_truncate": ("core_auditseal", "TRUNCATE"),
    "tombstone_append_only": ("core_tombstone", f"{CHANGES} OF id, subject, keys, by_id, reason, facts"),
    "tombstone_no_truncate": ("core_tombstone", "TRUNCATE"),
}  # fmt: skip
# SHA-256 of the source of telemed_forbid(), which all of them call (core/0008).
FORBIDS = "0b29cc26c67349bbfb4e909f859fb12caf8df16e90f3c1ddb313f98fdb2bfd71"
# What a line says, in columns and in its canonical bytes; older lines say less.
FACTS = (
    "at", "actor_id", "actor_role", "action", "patient_id", "entity", "entity_id", "purpose", "outcome", "channel", "request_id",
    "network", "clinic_id", "session_id", "strength", "on_behalf_of", "reason", "rule", "agent", "detail",
)  # fmt: skip
SEAL = (
    "n", "first", "last", "count", "ids", "marks", "root", "prev_hash", "at", "key", "public", "signature", "version", "snapshot",
    "system", "floor",
)  # fmt: skip
VERSION = 2  # of what is signed; 1 left out what the sealer goes on from


def leaf(canonical: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + canonical).digest()


def root(leaves: list[bytes]) -> bytes:
    """The Merkle tree hash of RFC 6962, of leaves that are hashed already. An odd node goes up as it is, which is the
    same tree as its split at the largest power of two."""
    level = leaves
    while len(level) > 1:
        pairs = [hashlib.sha256(b"\x01" + level[nth] + level[nth + 1]).digest() for nth in range(0, len(level) - 1, 2)]
        level = pairs + level[len(pairs) * 2 :]
    return level[0] if level else hashlib.sha256(b"").digest()


@dataclass(frozen=True)
class Line:
    """A row of the log: its columns, and the bytes that were recorded."""

    id: int
    columns: Mapping[str, Any]
    canonical: bytes
    leaf: bytes


@dataclass(frozen=True)
class Seal:
    n: int
    first: int
    last: int
    count: int
    ids: list[int]
    marks: bytes
    root: bytes
    prev_hash: bytes
    at: datetime
    key: str
    public: bytes
    signature: bytes
    version: int = 1
    snapshot: str = ""
    system: str = ""
    floor: int = 0

    @property
    def body(self) -> bytes:
        """What is signed."""
        ids = hashlib.sha256(",".join(map(str, self.ids)).encode()).hexdigest()
        facts: dict[str, Any] = {
            "n": self.n, "first": self.first, "last": self.last, "count": self.count, "ids": ids,
            "marks": hashlib.sha256(self.marks).hexdigest(), "root": self.root.hex(), "prev": self.prev_hash.hex(),
            "at": self.at.astimezone(UTC).isoformat(), "key": self.key, "public": self.public.hex(),
        }  # fmt: skip
        if self.version > 1:
            facts |= {"snapshot": self.snapshot, "system": self.system, "floor": self.floor}
        return (
            f"telemed audit seal {self.version}\n".encode()
            + json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()
        )

    @property
    def hash(self) -> bytes:
        return hashlib.sha256(self.body + self.signature).digest()


@dataclass(frozen=True, order=True)
class Fault:
    """``seq`` is the number of the line, or where the first bad one stands."""

    seq: int
    what: str


@dataclass
class Verdict:
    rows: int = 0
    seals: int = 0
    waiting: int = 0  # not sealed yet
    faults: list[Fault] = field(default_factory=list)

    @property
    def first(self) -> Fault | None:
        return min(self.faults, default=None)


def verify(
    lines: Iterable[Line],
    seals: Iterable[Seal],
    *,
    keys: Mapping[str, bytes],
    anchors: Iterable[Mapping[str, Any]] = (),
    now: datetime | None = None,
) -> Verdict:
    """Recompute everything. ``lines`` in the order of their ids, ``seals`` of their numbers. ``now``: when they were read."""
    said: dict[int, Mapping[str, Any]] = {}
    for row in anchors:
        said.setdefault(row["n"], row)  # of two different seals with one number, the first is the one that stood
    return _Check(iter(lines), keys, said, now).run(seals)


class _Check:
    def __init__(
        self,
        lines: Iterator[Line],
        keys: Mapping[str, bytes],
        anchors: dict[int, Mapping[str, Any]],
        now: datetime | None,
    ) -> None:
        self.lines, self.keys, self.anchors, self.now = lines, keys, anchors, now
        self.verdict = Verdict()
        self.read: dict[int, Line] = {}  # lines that no seal named yet
        self.seen = 0  # the id up to which lines were read
        self.before: Seal | None = None
        self.unproved: Seal | None = None  # the first of the seals at the end whose key we do not know

    def run(self, seals: Iterable[Seal]) -> Verdict:
        for seal in seals:
            self._seal(seal)
            self._lines(seal)
            self.before = seal
            self.verdict.seals += 1
        self._end()
        return self.verdict

    def _bad(self, seq: int, what: str) -> None:
        self.verdict.faults.append(Fault(seq, what))

    def _seal(self, seal: Seal) -> None:
        before, number = self.before, f"seal {seal.n}"
        n, first, prev = (before.n + 1, before.last + 1, before.hash) if before else (1, 1, bytes(32))
        if seal.n != n or seal.first != first:
            self._bad(first, f"{number} stands where seal {n} with line {first} belongs")
        elif seal.prev_hash != prev:
            self._bad(seal.first, f"{number} does not continue the chain: it or seal {n - 1} was replaced")
        if not seal.count == len(seal.ids) == len(seal.marks) // MARK == seal.last - seal.first + 1 > 0:
            self._bad(seal.first, f"{number} counts its lines wrongly")
        if not _signed(seal):
            self._bad(seal.first, f"{number} is not signed by its key")
        # An older key needs no proof of its own: a later seal with a known key stands on the whole chain.
        known = self.keys.get(seal.key) == seal.public
        self.unproved = None if known else self.unproved or seal
        self._times(seal, number)
        anchor = self.anchors.pop(seal.n, None)
        if anchor and anchor["hash"] != seal.hash.hex():
            self._bad(seal.first, f"{number} is not the one that was anchored outside")

    def _times(self, seal: Seal, number: str) -> None:
        if self.before and seal.at < self.before.at - SKEW:
            self._bad(seal.first, f"{number} is older than the one before: the clock was turned back")

    def _lines(self, seal: Seal) -> None:
        self._read_to(max(seal.ids, default=0))
        leaves, clean = [], True
        for nth, (pk, mark) in enumerate(zip(seal.ids, _marks(seal), strict=False)):
            seq, line = seal.first + nth, self.read.pop(pk, None)
            fault = _fault_of(line, mark) or (line and self._time_of(line, seal))
            if fault:
                self._bad(seq, f"line {seq} (id {pk}) {fault}")
                clean = False
            leaves.append(line.leaf if line else b"")
        if clean and root(leaves) != seal.root:
            self._bad(seal.first, f"the lines {seal.first} to {seal.last} do not make the root of seal {seal.n}")

    def _time_of(self, line: Line, seal: Seal) -> str:
        at = _moment(line.columns["at"])
        if self.before and at < self.before.at - LAG:
            return "says a time before the seal that it came after: it was back-dated, or the clock was turned back"
        return "says a time after its seal" if at > seal.at + SKEW else ""

    def _read_to(self, last: int) -> None:
        while self.seen < last and (line := next(self.lines, None)):
            self.read[line.id], self.seen = line, line.id
            self.verdict.rows += 1

    def _end(self) -> None:
        end = self.before
        self._read_to(2**63)
        if self.unproved:
            name = self.unproved.key
            self._bad(
                self.unproved.first,
                f"seal {self.unproved.n} and what follows is signed by {name}, a key we do not know",
            )
        if self.anchors:
            found = min(self.anchors)
            self._bad(
                int(self.anchors[found]["first"]),
                f"seal {found} was anchored outside and is gone: the end of the log is missing",
            )
        self._unsealed(end)

    def _unsealed(self, end: Seal | None) -> None:
        """Lines that no seal names: the newest wait for the next one."""
        seq, named = end.last if end else 0, {line.id: line for line in self.read.values()}
        for nth, line in enumerate(sorted(named.values(), key=lambda line: line.id), 1):
            fault, at = _fault_of(line, None), _moment(line.columns["at"])
            if end and at < end.at - LAG:
                fault = fault or "is older than the last seal and in none: it was put in later"
            if self.now and at < self.now - LAG:
                fault = fault or f"waits since {at.isoformat()}: nobody seals, or somebody keeps the sealer from it"
            if fault:
                self._bad(seq + nth, f"a line without a seal (id {line.id}) {fault}")
        self.verdict.waiting = len(named)


def _fault_of(line: Line | None, mark: bytes | None) -> str:
    if line is None:
        return "is missing"
    if mark is not None and line.leaf[:MARK] != mark:
        return "is not the one that was sealed"
    if leaf(line.canonical) != line.leaf:
        return "was changed: its bytes do not have its hash"
    facts = json.loads(line.canonical)
    for name, value in line.columns.items():
        if name == "at" and _moment(value) == _moment(facts["at"]):
            continue
        if (facts.get(name) or "") != ("" if value is None else str(value)):
            return f"was changed: {name} is not what was recorded"
    return ""


def _definition(guard: str) -> str:
    """As PostgreSQL says it."""
    table, events = GUARDS[guard]
    each = "STATEMENT" if events == "TRUNCATE" else "ROW"
    return f"CREATE TRIGGER {guard} BEFORE {events} ON {table} FOR EACH {each} EXECUTE FUNCTION telemed_forbid()"


def _signed(seal: Seal) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(seal.public).verify(seal.signature, seal.body)
    except (InvalidSignature, ValueError):
        return False
    return True


def _marks(seal: Seal) -> Iterator[bytes]:
    return (seal.marks[nth : nth + MARK] for nth in range(0, len(seal.marks), MARK))


def _moment(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


# --- where it is read -------------------------------------------------------------------------------------------------
class Database:
    """The log in a database, over a psycopg connection that is inside a transaction."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def open_guards(self) -> list[str]:
        """The triggers against rewriting that are missing, off, or not as they were made."""
        query = """SELECT tgname, pg_get_triggerdef(pg_trigger.oid, true), prosrc FROM pg_trigger
            JOIN pg_proc ON pg_proc.oid = tgfoid WHERE tgenabled = 'A'"""
        found = {
            (name, definition, hashlib.sha256(source.encode()).hexdigest())
            for name, definition, source in self.connection.execute(query)
        }
        return [name for name in GUARDS if (name, _definition(name), FORBIDS) not in found]

    def now(self) -> datetime | None:
        return datetime.now(UTC)

    def seals(self) -> Iterator[Seal]:
        return (Seal(*row) for row in self._rows("seals", f"SELECT {', '.join(SEAL)} FROM core_auditseal ORDER BY n"))

    def lines(self) -> Iterator[Line]:
        query = f"SELECT id, canonical, leaf, {', '.join(FACTS)} FROM core_auditevent ORDER BY id"
        for pk, canonical, own, *facts in self._rows("lines", query):
            yield Line(pk, dict(zip(FACTS, facts, strict=True)), bytes(canonical), bytes(own))

    def _rows(self, name: str, query: str) -> Iterator[Any]:
        with closing(self.connection.cursor(name=name)) as cursor:
            cursor.itersize = 2000
            yield from cursor.execute(query)


class Export:
    """The same in a file of JSON lines, as `manage.py export_audit` writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def open_guards(self) -> list[str]:
        return list(next(self._objects())["open_guards"])

    def now(self) -> datetime | None:
        """When it was written; older exports do not say."""
        said = next(self._objects()).get("at")
        return _moment(said) if said else None

    def seals(self) -> Iterator[Seal]:
        for row in self._objects():
            if "n" in row:
                row["at"] = datetime.fromisoformat(row["at"])
                raw = {name: bytes.fromhex(row[name]) for name in ("marks", "root", "prev_hash", "public", "signature")}
                yield Seal(**row | raw)

    def lines(self) -> Iterator[Line]:
        for row in self._objects():
            if "id" in row:
                yield Line(row["id"], row["columns"], base64.b64decode(row["canonical"]), bytes.fromhex(row["leaf"]))

    def _objects(self) -> Iterator[dict[str, Any]]:
        with self.path.open(encoding="utf-8") as file:
            yield from map(json.loads, file)


def written(source: Database) -> Iterator[str]:
    """The lines of an export."""
    yield json.dumps({"open_guards": source.open_guards(), "at": datetime.now(UTC).isoformat()})
    for seal in source.seals():
        raw = {name: getattr(seal, name) for name in SEAL}
        yield json.dumps(
            {name: value.hex() if isinstance(value, bytes) else value for name, value in raw.items()}
            | {"at": seal.at.isoformat()}
        )
    for line in source.lines():
        columns = {name: None if value is None else str(value) for name, value in line.columns.items()}
        yield json.dumps(
            {
                "id": line.id,
                "columns": columns,
                "canonical": base64.b64encode(line.canonical).decode(),
                "leaf": line.leaf.hex(),
            }
        )


def check(
    source: Database | Export,
    *,
    keys: Mapping[str, bytes],
    anchors: Iterable[Mapping[str, Any]] = (),
    now: datetime | None = None,
) -> Verdict:
    """``now``: by another clock than that of this machine."""
    verdict = verify(source.lines(), source.seals(), keys=keys, anchors=anchors, now=now or source.now())
    guards = {name: GUARDS[name][0] for name in source.open_guards()}
    verdict.faults += [Fault(0, f"the guard {name} of {table} is off or changed") for name, table in guards.items()]
    return verdict


def sentence(verdict: Verdict) -> str:
    if verdict.first:
        return f"BENT: {len(verdict.faults)} faults, the first at line {verdict.first.seq}"
    counted = f"{verdict.rows} lines and {verdict.seals} seals are as they were written"
    return f"{counted}; {verdict.waiting} lines wait for a seal"


def report(verdict: Verdict) -> int:
    """Print what was found. Returns the exit code."""
    for fault in sorted(verdict.faults)[:20]:
        print(f"{fault.seq}: {fault.what}")
    print(sentence(verdict))
    return 1 if verdict.faults else 0


def read_keys(path: Path) -> dict[str, bytes]:
    """Lines of a key's name and its 32 public bytes in base64."""
    pairs = [line.split() for line in path.read_text().splitlines() if line.strip()]
    return {name: base64.b64decode(value, validate=True) for name, value in pairs}


def read_anchors(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", help="an export, or postgres://…")
    parser.add_argument("--keys", type=Path, required=True, help="the public keys that may seal")
    parser.add_argument("--anchors", type=Path, help="heads that were kept outside")
    words = parser.parse_args()
    try:
        trusted: dict[str, Any] = {
            "keys": read_keys(words.keys),
            "anchors": read_anchors(words.anchors) if words.anchors else [],
        }
        if "://" not in words.log:
            return report(check(Export(Path(words.log)), **trusted))
        import psycopg

        with psycopg.connect(words.log, options="-c default_transaction_isolation=repeatable\\ read") as connection:
            return report(check(Database(connection), **trusted))
    except (OSError, ValueError, KeyError) as error:
        print(f"cannot read: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
