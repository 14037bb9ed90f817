"""What lies on the disk and in the database of a stack, as somebody who steals it would read it."""

from collections.abc import Iterable
from pathlib import Path

import psycopg

from telemed.run import Stack


def found(stack: Stack, words: Iterable[str]) -> list[str]:
    """Each table and stored file in which one of the words can be read, plain or as the bytes of a column."""
    wanted = list(words)
    return [*_tables(stack, wanted), *_files(stack, wanted)]


def sealed(stack: Stack) -> bool:
    """Whether the worker has sealed lines of the access log."""
    with psycopg.connect(stack.env["DATABASE_URL"]) as database:
        return database.execute("SELECT count(*) > 0 FROM core_auditseal").fetchone() == (True,)


def _tables(stack: Stack, words: list[str]) -> Iterable[str]:
    count = psycopg.sql.SQL("SELECT count(*) FROM {table} AS r WHERE r::text LIKE %s OR r::text LIKE %s")
    with psycopg.connect(stack.env["DATABASE_URL"]) as database:
        for (table,) in database.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall():
            query = count.format(table=psycopg.sql.Identifier(table))
            for word in words:
                row = database.execute(query, [f"%{word}%", f"%{word.encode().hex()}%"]).fetchone()
                if row != (0,):
                    yield f"{table}: {word}"


def _files(stack: Stack, words: list[str]) -> Iterable[str]:
    for file in Path(stack.env["TELEMED_LOCAL"], "files").rglob("*"):
        if file.is_file() and any(word.encode() in file.read_bytes() for word in words):
            yield str(file)
