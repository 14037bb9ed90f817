"""What one member of staff sees of one table, and the columns that show it. Every list, form, search, filter and order
of the back office asks here."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.contrib.admin.utils import display_for_field
from django.core.exceptions import FieldDoesNotExist
from django.db.models import BooleanField, Field, Model
from django.db.models.constants import LOOKUP_SEP
from django.urls import reverse
from django.utils.html import format_html

from adminops import roles
from adminops.roles import ABSENT, CHANGE, LEVELS, MASKED, VISIBLE
from adminops.site import site
from telemed.core import masking
from telemed.core.fields import EncryptedField

EMPTY = "–"
Column = Callable[[Any], Any]


@dataclass(frozen=True)
class Sight:
    model: type[Model]
    held: tuple[str, ...]

    @property
    def names(self) -> dict[str, str]:
        """Every field that is not absent, with its level."""
        return roles.book().names(self.model._meta.label_lower, self.held)

    def level(self, path: str) -> str:
        """How much is seen of 'state' or 'patient__number': the least of its parts. Lookups at its end do not count."""
        model: type[Model] | None = self.model
        found = CHANGE
        for part in path.split(LOOKUP_SEP):
            if model is None:
                break
            found = min(found, self._part(model, part), key=LEVELS.index)
            model = _next(model, part)
        return found

    def reads(self, *paths: str) -> bool:
        return all(self.level(path) in (VISIBLE, CHANGE) for path in paths)

    def column(self, name: str) -> Column:
        """The column that shows the field as far as it is seen."""
        return _column(self.model, name, self.level(name), linked=False)

    def line(self, name: str) -> Column:
        """The same as a read-only line of a form, with a link to the row that it points to."""
        field: Any = self.model._meta.get_field(name)
        return _column(self.model, name, self.level(name), linked=_one(field) and self._opens(field.related_model))

    def _opens(self, model: type[Model]) -> bool:
        """Whether a link leads to a page that this person may open."""
        return bool(roles.book().names(model._meta.label_lower, self.held)) and site.is_registered(model)

    def _part(self, model: type[Model], part: str) -> str:
        label = model._meta.label_lower
        if label not in roles.book().fields:
            return ABSENT if label in roles.book().nobody else CHANGE  # tables of the framework, like kinds of things
        if part in ("pk", "id") and model is not self.model:
            return CHANGE  # which row it is: what points there was asked before
        return roles.book().level(label, part, self.held)


def _next(model: type[Model], part: str) -> type[Model] | None:
    try:
        related: type[Model] | None = model._meta.get_field(part).related_model
    except FieldDoesNotExist:
        return None
    return related


def _one(field: Any) -> bool:
    return bool(field.many_to_one or field.one_to_one)


@cache
def _column(model: type[Model], name: str, level: str, *, linked: bool) -> Column:
    """The same function for the same question, because the admin recognises read-only fields by identity."""
    field: Any = model._meta.get_field(name)

    def show(row: Any) -> Any:
        return _masked(row, field) if level == MASKED else _whole(row, field, linked)

    show.__name__ = name
    show.short_description = field.verbose_name  # type: ignore[attr-defined]  # how the admin reads it
    if level != MASKED:
        show.boolean = isinstance(field, BooleanField)  # type: ignore[attr-defined]
        unordered = field.many_to_many or isinstance(field, EncryptedField)
        show.admin_order_field = None if unordered else name  # type: ignore[attr-defined]
    return show


def own_column(admin: Any, name: str, sight: Sight) -> Column | None:
    """A column that is a method of the admin or of the row, when everything it tells is seen."""
    tells = admin.tells.get(name)
    if not tells or not sight.reads(*tells):
        return None
    method = getattr(admin, name, None) if name != "__str__" else None
    order = getattr(method, "admin_order_field", None)

    def show(row: Any) -> Any:
        return method(row) if method else str(row)

    show.__name__ = name
    show.short_description = getattr(method, "short_description", admin.model._meta.verbose_name)  # type: ignore[attr-defined]
    show.boolean = getattr(method, "boolean", False)  # type: ignore[attr-defined]
    if order and sight.reads(order):
        show.admin_order_field = order  # type: ignore[attr-defined]
    return show


def _masked(row: Any, field: "Field[Any, Any]") -> str:
    value = getattr(row, field.attname)
    return masking.text(str(value)) if value else EMPTY


def _whole(row: Any, field: Any, linked: bool) -> Any:
    if field.many_to_many:
        return ", ".join(str(one) for one in getattr(row, field.name).all()) or EMPTY
    value = getattr(row, field.name)
    if not field.is_relation or value is None:
        return value if isinstance(field, BooleanField) else display_for_field(value, field, EMPTY)
    if not linked:
        return str(value)
    return format_html('<a href="{}">{}</a>', _place(value), value)


def _place(row: Model) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
