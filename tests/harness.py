"""Every look is in the log: whoever answers a request, a socket, a task or a command with a row that says who or how a patient
is must have written a line of the access log in the same piece of work, and one about each patient of whom it opened
something. Looks at each statement of the whole suite."""

import re
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

from django.db import connection
from django.db.backends.signals import connection_created

from telemed.core import audit, datamap, origin
from telemed.core.models import AuditEvent
from telemed.core.origin import Trace

Execute = Callable[[str, Any, bool, dict[str, Any]], Any]
WATCHED = frozenset({"web", "api", "admin", "ws", "task", "command", "shell"})
TABLE = re.compile(r'\b(?:FROM|JOIN|UPDATE|INTO)\s+"?(\w+)"?(?:\s+(?:AS\s+)?"?(\w+)"?)?', re.IGNORECASE)
COLUMN = re.compile(r'(?:"?(\w+)"?\.)?"?(\w+)"?')
ALL = re.compile(r'(?:SELECT|RETURNING|,)\s+(?:"?(\w+)"?\.)?(\*)', re.IGNORECASE)
RETURNED = re.compile(r"\bRETURNING\b.*", re.IGNORECASE | re.DOTALL)
REFUSING = "denied"
BEFORE = "adminops.helpsession"  # the door of support, in front of the gate


class Work:
    """What one piece of work read, opened and wrote down."""

    def __init__(self, where: origin.Origin) -> None:
        self.trace: Trace = where.trace
        self.page = where.rule or where.detail or where.channel
        self.columns: set[str] = set()
        self.lines: list[AuditEvent] = []
        self.wrote = False

    @property
    def refused(self) -> bool:
        """The gate said no, or who stands before it, and nothing was shown."""
        return any(row.action == REFUSING and row.entity in (row.rule[:60], BEFORE) for row in self.lines)

    def faults(self) -> list[str]:
        if self.refused:
            return []
        telling = [row for row in self.lines if self.wrote and row.action != REFUSING and row.outcome != "tampered"]
        found = []
        if self.columns and not telling:
            found.append(f"{self.page} read {', '.join(sorted(self.columns))}")
        if missing := self.trace.opened - {str(row.patient_id) for row in telling}:
            found.append(f"{self.page} opened something of {len(missing)} patients and says nothing of them")
        return found


class Watch:
    """An execute wrapper, and a listener at ``audit.line``."""

    def __init__(self) -> None:
        self.work: dict[int, Work] = {}

    def __call__(self, execute: Execute, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        answer = execute(sql, params, many, context)
        where, cursor = origin.present(), context["cursor"]
        if where.channel in WATCHED:
            if cursor.description and (columns := looked_at(sql)) and cursor.rowcount > 0:
                self._of(where).columns.update(columns)
            if "INSERT INTO" in sql and "core_auditevent" in sql:
                self._of(where).wrote = True
        return answer

    def unnoted(self) -> list[str]:
        """The pages that read what they did not write down."""
        return sorted({fault for work in self.work.values() for fault in work.faults()})

    def forget(self) -> None:
        self.work.clear()

    def install(self) -> None:
        """On every connection, also those that threads open later."""
        connection_created.connect(self._on)
        self._on(connection)
        line = audit.line

        def heard(*args: Any, **named: Any) -> AuditEvent:
            row = line(*args, **named)
            where = origin.present()
            if where.channel in WATCHED:
                self._of(where).lines.append(row)
            return row

        audit.line = heard

    def _of(self, where: origin.Origin) -> Work:
        work = self.work.setdefault(id(where.trace), Work(where))
        work.page = where.rule or work.page
        return work

    def _on(self, connection: Any, **_: Any) -> None:
        if self not in connection.execute_wrappers:
            connection.execute_wrappers.append(self)


@lru_cache(8192)
def looked_at(sql: str) -> frozenset[str]:
    """The guarded columns whose values the statement answers with: a SELECT, a WITH or a RETURNING, with or without aliases."""
    names = {alias or table: table for table, alias in TABLE.findall(sql) if table in guarded()}
    names |= {table: table for table in list(names.values())}
    if not names:
        return frozenset()
    asked, found = _asked(sql), set()
    for owner, column in (*COLUMN.findall(asked), *ALL.findall(asked)):
        for table in {names[owner]} if owner in names else set() if owner else set(names.values()):
            found |= {f"{table}.{one}" for one in guarded()[table] if column in (one, "*")}
    return frozenset(found)


def _asked(sql: str) -> str:
    """The part of a statement that says what comes back."""
    if sql.lstrip().upper().startswith("WITH"):
        asked = sql
    elif returned := RETURNED.search(sql):
        asked = returned[0]
    else:
        asked = sql.partition(" FROM ")[0]
    return re.sub(r"'[^']*'", " ", asked)


@cache
def guarded() -> dict[str, frozenset[str]]:
    """By table, the columns that hold health data, and in tables about a patient also who it is, by the data map."""
    found = {}
    for row in datamap.rows().values():
        of_patient = row.about != datamap.NOBODY and not row.about.startswith(datamap.USER)
        names = row.names(datamap.PHI, *([datamap.PII] if of_patient else []))
        columns = frozenset(str(row.model._meta.get_field(name).column) for name in names)  # type: ignore[union-attr]
        if columns:
            found[row.model._meta.db_table] = columns
    return found


watch = Watch()
