"""Conventions of every list: each role sees the fields that adminops/roles.yaml gives it and no other, no counting of huge
tables, related rows in one query, nothing deleted by hand, every look at a person is written down."""

from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from auditlog.models import LogEntry
from django import forms
from django.contrib.admin import ModelAdmin, StackedInline
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.utils import unquote
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from adminops import history, roles, shell
from adminops.admin.sight import Sight, own_column
from adminops.roles import CHANGE, MASKED
from adminops.within import within
from patients.models import Patient
from telemed.accounts.context import me
from telemed.accounts.forms import zone_choices
from telemed.core import audit, datamap, searches

if TYPE_CHECKING:
    Base = ModelAdmin[Any]
    InlineBase = StackedInline[Any, Any]
else:
    Base, InlineBase = ModelAdmin, StackedInline


__all__ = ["DisallowedModelAdminLookup", "Inline", "ReadOnly", "Table", "Tells"]
Tells = dict[str, tuple[str, ...]]


class Seen:
    """The fields of a form: those that the person sees, in the order of the file; only what they may change is a box."""

    model: type[Model]

    def sight(self, request: HttpRequest) -> Sight:
        return Sight(self.model, roles.held(request.user))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        sight = self.sight(request)
        return [name if self._open(name, level) else sight.line(name) for name, level in sight.names.items()]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return [shown for shown in self.get_fields(request, obj) if callable(shown)]

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A zone that nobody knows would break every page that shows an hour, so zones are chosen."""
        if db_field.name == "time_zone":
            return forms.ChoiceField(label=db_field.verbose_name, choices=[("UTC", "UTC"), *zone_choices()])
        return super().formfield_for_dbfield(db_field, request, **kwargs)  # type: ignore[misc]  # the admin is beside us

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def _open(self, name: str, level: str) -> bool:
        return level == CHANGE and bool(getattr(self.model._meta.get_field(name), "editable", False))


class Inline(Seen, InlineBase):
    """One below the other: the boxes of a table would have no labels of their own."""

    extra = 0


class Table(Seen, Base):
    show_full_result_count = False
    list_per_page = 50
    actions = None
    # What a column of our own tells, in fields: it is shown to who sees all of them.
    tells: ClassVar[Tells] = {}
    about_people: ClassVar[bool] = True

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        return within(super().get_queryset(request), me(request))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """What they may not know of is not there, for every page about one row."""
        row = super().get_object(request, object_id, from_field)
        if row is None:
            raise Http404
        return row

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        sight, fields = self.sight(request), {row.name for row in self.model._meta.get_fields()}
        chosen = [name for name in self.list_display if isinstance(name, str)]
        found = [
            (sight.column(name) if name in sight.names else None) if name in fields else own_column(self, name, sight)
            for name in chosen
        ]
        columns = [column for column in found if column]
        return columns or [sight.column(name) for name in list(sight.names)[:1]]

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        """What is masked is found by who types it whole."""
        sight = self.sight(request)
        levels = {name: sight.level(name.lstrip("^=@")) for name in self.search_fields}
        exact = [f"={name.lstrip('^=@')}" for name, level in levels.items() if level == MASKED]
        return [name for name in self.search_fields if sight.reads(name.lstrip("^=@"))] + exact

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        sight = self.sight(request)
        filters: Any = self.list_filter
        return [row for row in filters if sight.reads(row if isinstance(row, str) else row[0])]

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """A filter typed into the address is an answer too."""
        return self.sight(request).reads(lookup) and super().lookup_allowed(lookup, value, request)

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        return bool(self.model._meta.pk and to_field == self.model._meta.pk.name)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """A search is a POST, because its words are somebody's name or address."""
        if request.method == "POST" and searches.VAR in request.POST:
            return searches.keep(request)
        words = searches.words(request)
        if words is None:
            return redirect(request.path)
        if self.about_people and self.has_view_or_change_permission(request):
            hashed = audit.hashed(words)
            audit.record("search", self.model._meta.label_lower, by=me(request), purpose="HOPERAT", detail=hashed)
        answer = super().changelist_view(request, extra_context)
        if self.about_people and (listed := getattr(answer, "context_data", {}).get("cl")):
            shown = _patients_of(self.model, [row.pk for row in listed.result_list])
            label = self.model._meta.label_lower
            audit.record_each("read", label, by=me(request), patient_ids=shown, purpose="HOPERAT")
        return answer

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        found: Any = super().get_changelist_instance(request)
        found.words = searches.words(request)
        return found

    def get_search_results(self, request: HttpRequest, queryset: "QuerySet[Any]", search_term: str) -> Any:
        """The term in the address stands for words that are kept."""
        words = searches.words(request)
        if search_term and not words:
            return queryset.none(), False
        return super().get_search_results(request, queryset, self.sought(words or ""))

    def sought(self, words: str) -> str:
        """The words as they stand in the table."""
        return words

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.about_people and (row := context.get("original")):
            facts: dict[str, Any] = {"by": me(request), "patient_id": _patient_of(row), "purpose": "HOPERAT"}
            audit.record("read", self.model._meta.label_lower, row.pk, **facts)
        context["changes"] = type(context.get("original")) in history.KEPT and _reads_changes(request)
        return super().render_change_form(request, context, *args, **kwargs)

    def log_addition(self, *_: Any) -> Any:
        """Django's own log would keep what each row calls itself, which may be a name. Ours say what happened."""

    def log_change(self, *_: Any) -> Any: ...

    def log_deletions(self, *_: Any) -> Any: ...

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """What changed, for who reads the log of changes: of each field as much as they see of it."""
        row = self.get_object(request, unquote(object_id))
        if not self.has_view_or_change_permission(request, row) or not _reads_changes(request):
            raise Http404
        facts: dict[str, Any] = {"by": me(request), "patient_id": _patient_of(row), "purpose": "HOPERAT"}
        audit.record("read", "auditlog.logentry", row.pk, **facts)
        seen = [change for change in history.changes(row) if self.sight(request).reads(change.field)]
        context = {"title": str(row), "changes": seen, "opts": self.model._meta, "original": row}
        return shell.page(request, self.admin_site, "admin/changes.html", context)


class ReadOnly(Table):
    """Facts that only the platform itself writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _reads_changes(request: HttpRequest) -> bool:
    return Sight(LogEntry, roles.held(request.user)).reads("changes")


def _patient_of(row: Model) -> UUID | None:
    return next(iter(_patients_of(type(row), [row.pk])), None)


def _patients_of(model: type[Model], pks: list[Any]) -> set[UUID]:
    """Whose records these rows belong to, as the map of data says, so that each patient sees who looked; in two queries."""
    said = datamap.rows().get(model._meta.label_lower)
    if said is None or said.about == datamap.NOBODY or not pks:
        return set()
    kind, _, path = said.about.rpartition(":")
    if said.about == datamap.SELF:
        path = "pk"
    found = set(model._base_manager.filter(pk__in=pks).order_by().values_list(path, flat=True)) - {None}
    if f"{kind}:" == datamap.USER:
        return set(Patient._base_manager.filter(user__in=found).values_list("pk", flat=True))
    if f"{kind}:" == datamap.SUBJECT:
        return {UUID(one.removeprefix("patient:")) for one in found if one.startswith("patient:")}
    return found
