"""The roles of staff as data: who they are, and which field each of them sees (``roles.yaml``).

Rights come from nowhere else. Groups and permissions in the database are copies that ``sync`` makes; a field that the
file does not name is absent for everybody.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.models import Model

from telemed.core import audit

FILE = Path(__file__).with_name("roles.yaml")
ABSENT, MASKED, VISIBLE, CHANGE = LEVELS = ("absent", "masked", "visible", "change")
OURS = ("core", "notifications", "accounts", "patients", "doctors", "consultations", "billing", "adminops")


@dataclass(frozen=True)
class Role:
    """One kind of person, in words a governance officer reads. ``tasks`` are permissions beyond tables."""

    key: str
    name: str
    portal: str
    what_for: str
    sees: str
    granted_by: str
    second_person: bool = False
    like: str = ""  # sees of every field what this role sees
    tasks: tuple[str, ...] = ()
    formerly: tuple[str, ...] = ()


@dataclass(frozen=True)
class Book:
    """The whole file. ``fields[model][field][role]`` is a level."""

    reviewed: date
    roles: dict[str, Role]
    fields: dict[str, dict[str, dict[str, str]]]
    add: dict[str, tuple[str, ...]] = field(default_factory=dict)
    nobody: dict[str, str] = field(default_factory=dict)

    @property
    def staff(self) -> list[Role]:
        """The roles whose portal is the admin."""
        return [role for role in self.roles.values() if role.portal == "admin"]

    def level(self, model: str, name: str, roles: Iterable[str]) -> str:
        """The most that one of ``roles`` may do with the field."""
        row = self.fields.get(model, {}).get(name, {})
        found = (row.get(role, ABSENT) for role in roles)
        return max((level for level in found if level in LEVELS), key=LEVELS.index, default=ABSENT)

    def names(self, model: str, roles: Iterable[str]) -> dict[str, str]:
        """Every field that is not absent, in the order of the file, with its level."""
        held = tuple(roles)
        found = {name: self.level(model, name, held) for name in self.fields.get(model, {})}
        return {name: level for name, level in found.items() if level != ABSENT}


def parse(text: str) -> Book:
    """Raises KeyError, TypeError or ValueError when the file is not what it should be; ``faults`` checks what it says."""
    raw = yaml.safe_load(text)
    roles = {key: _role(key, facts) for key, facts in raw["roles"].items()}
    staff = {key: role.like for key, role in roles.items() if role.portal == "admin"}
    fields = {model: dict(_rows(rows, staff)) for model, rows in raw["fields"].items()}
    add = {model: tuple(names) for model, names in raw.get("add", {}).items()}
    return Book(raw["reviewed"], roles, fields, add, raw.get("nobody", {}))


def _role(key: str, facts: dict[str, Any]) -> Role:
    lists = {name: tuple(facts.get(name, ())) for name in ("tasks", "formerly")}
    return Role(key=key, **{**facts, **lists})


def _rows(rows: dict[str, Any], staff: dict[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """'email, phone: {support: masked, others: absent}' as one row a field with every role of staff."""
    for names, said in rows.items():
        levels = {"others": said} if isinstance(said, str) else dict(said)
        others = levels.pop("others")
        row = {**dict.fromkeys(staff, others), **levels}
        row |= {key: row[like] for key, like in staff.items() if like and key not in levels}
        for name in names.split(","):
            yield name.strip(), row


@cache
def book() -> Book:
    return parse(FILE.read_text(encoding="utf-8"))


def held(user: Any) -> tuple[str, ...]:
    """The roles of this member of staff, asked once for each request."""
    if not hasattr(user, "held_roles"):
        known = book().roles
        user.held_roles = tuple(name for name in user.groups.values_list("name", flat=True) if name in known)
    roles: tuple[str, ...] = user.held_roles
    return roles


# --- does the file say enough, and nothing that is not there ------------------------------------------------------------
def faults(said: Book) -> list[str]:
    """What is wrong with the file, one sentence each."""
    models = {model._meta.label_lower: model for model in apps.get_models() if _concerns(model)}
    listed = {**said.fields, **said.nobody}
    found = [f"{label}: no such model" for label in listed.keys() - models.keys()]
    found += [f"{label}: say who sees it, or list it under nobody" for label in models.keys() - listed.keys()]
    found += [f"{label}: both under fields and under nobody" for label in said.fields.keys() & said.nobody.keys()]
    for label in said.fields.keys() & models.keys():
        found += _of_model(said, label, models[label])
    found += [f"add: {name} is no role" for names in said.add.values() for name in names if name not in said.roles]
    return sorted(found + _of_tasks(said))


def _concerns(model: type[Model]) -> bool:
    kept = model._meta.app_label in OURS or model._meta.label_lower == "auditlog.logentry"
    return kept and not model._meta.auto_created


def _of_model(said: Book, label: str, model: type[Model]) -> Iterator[str]:
    there = {row.name: row for row in (*model._meta.concrete_fields, *model._meta.many_to_many)}
    listed = said.fields[label]
    yield from (f"{label}.{name}: no such field" for name in listed.keys() - there.keys())
    yield from (f"{label}.{name}: say who sees it" for name in there.keys() - listed.keys())
    staff = {role.key for role in said.staff}
    for name, row in listed.items():
        yield from (f"{label}.{name}: {role} is no role of staff" for role in row.keys() - staff)
        yield from (f"{label}.{name}: {level} is no level" for level in set(row.values()) - set(LEVELS))
        related = there[name].related_model if name in there else None
        if related is not None:
            yield from _of_relation(said, f"{label}.{name}", related._meta.label_lower, row)


def _of_relation(said: Book, place: str, to: str, row: dict[str, str]) -> Iterator[str]:
    """Who chooses among rows sees them all, so it must be rows that they may see."""
    choosing = [role for role, level in row.items() if level == CHANGE and role in said.roles]
    yield from (
        f"{place}: {role} cannot choose among rows that it does not see"
        for role in choosing
        if not said.names(to, [role])
    )


def _of_tasks(said: Book) -> list[str]:
    metas = [model._meta for model in apps.get_models()]
    known = {f"{meta.app_label}.{name}" for meta in metas for name, _ in meta.permissions}
    known |= {f"{meta.app_label}.{right}_{meta.model_name}" for meta in metas for right in meta.default_permissions}
    return [
        f"{role.key}: {task} is no task" for role in said.roles.values() for task in role.tasks if task not in known
    ]


# --- copies in the database -----------------------------------------------------------------------------------------------
def permissions(said: Book, role: str) -> set[str]:
    """'app.codename' of everything that the role may do."""
    found = set(said.roles[role].tasks)
    for label in said.fields:
        app, model = label.split(".")
        levels = set(said.names(label, [role]).values())
        found |= {f"{app}.view_{model}"} if levels else set()
        found |= {f"{app}.change_{model}"} if CHANGE in levels else set()
        found |= {f"{app}.add_{model}"} if role in said.add.get(label, ()) else set()
    return found


@transaction.atomic
def sync(said: Book | None = None) -> str:
    """Make groups and their permissions equal to the file. A role that was renamed keeps its people; one that is gone
    takes its rights along."""
    said = said or book()
    for role in said.staff:
        old = Group.objects.filter(name__in=role.formerly).first()
        if old and not Group.objects.filter(name=role.key).exists():
            Group.objects.filter(pk=old.pk).update(name=role.key)
    gone, _ = Group.objects.exclude(name__in=[role.key for role in said.staff]).delete()
    every = {
        f"{row.content_type.app_label}.{row.codename}": row for row in Permission.objects.select_related("content_type")
    }
    for role in said.staff:
        group, _ = Group.objects.get_or_create(name=role.key)
        wanted = {every[name] for name in permissions(said, role.key)}
        if wanted != set(group.permissions.all()):
            group.permissions.set(wanted)
            audit.record("update", "auth.group", role.key, by=None, purpose="HSYSADMIN")
    return f"{len(said.staff)} roles of staff" + (f", {gone} rows of old ones removed" if gone else "")
