"""Every look is in the log: whoever answers a request, a socket or a task's question with a row that holds health data
must have written a line of the access log in the same piece of work. Looks at each statement of the whole suite."""

import re
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

from django.db import connection
from django.db.backends.signals import connection_created

from telemed.core import datamap, origin

Execute = Callable[[str, Any, bool, dict[str, Any]], Any]
WATCHED = frozenset({"web", "api", "admin", "ws"})
COLUMN = re.compile(r'"(\w+)"\."(\w+)"')


class Watch:
    """An execute wrapper. ``looks`` are the columns that each piece of work read, ``noted`` the work that wrote a line."""

    def __init__(self) -> None:
        self.looks: dict[tuple[str, str], set[str]] = {}
        self.noted: set[str] = set()

    def __call__(self, execute: Execute, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        answer = execute(sql, params, many, context)
        where = origin.present()
        if where.channel in WATCHED and where.request_id:
            if sql.startswith("SELECT "):
                if (columns := looked_at(sql)) and context["cursor"].rowcount > 0:
                    self.looks.setdefault((where.request_id, where.rule or where.channel), set()).update(columns)
            elif "core_auditevent" in sql:
                self.noted.add(where.request_id)
        return answer

    def unnoted(self) -> list[str]:
        """The pages that read what they did not write down, with the columns."""
        found = {
            f"{page} read {', '.join(sorted(columns))}"
            for (work, page), columns in self.looks.items()
            if work not in self.noted
        }
        return sorted(found)

    def forget(self) -> None:
        self.looks.clear()
        self.noted.clear()

    def install(self) -> None:
        """On every connection, also those that threads open later."""
        connection_created.connect(self._on)
        self._on(connection)

    def _on(self, connection: Any, **_: Any) -> None:
        if self not in connection.execute_wrappers:
            connection.execute_wrappers.append(self)


@lru_cache(8192)
def looked_at(sql: str) -> frozenset[str]:
    """The columns with health data whose values the statement asks for."""
    asked = sql.partition(" FROM ")[0]
    return frozenset(f"{table}.{column}" for table, column in COLUMN.findall(asked) if (table, column) in health())


@cache
def health() -> frozenset[tuple[str, str]]:
    """Every column that holds health data, by the data map."""
    return frozenset(
        (row.model._meta.db_table, str(row.model._meta.get_field(name).column))  # type: ignore[union-attr]  # no relations
        for row in datamap.rows().values()
        for name in row.names(datamap.PHI)
    )


watch = Watch()
