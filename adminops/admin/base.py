"""Conventions of every list: no counting of huge tables, related rows in one query, nothing deleted by hand."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.admin import ModelAdmin, TabularInline
from django.db.models import QuerySet
from django.http import HttpRequest

from adminops.within import within
from telemed.accounts.context import me
from telemed.accounts.forms import zone_choices

if TYPE_CHECKING:
    Base = ModelAdmin[Any]
    Inline = TabularInline[Any, Any]
else:
    Base, Inline = ModelAdmin, TabularInline


class Table(Base):
    show_full_result_count = False
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        return within(super().get_queryset(request), me(request))

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A zone that nobody knows would break every page that shows an hour, so zones are chosen."""
        if db_field.name == "time_zone":
            return forms.ChoiceField(label=db_field.verbose_name, choices=[("UTC", "UTC"), *zone_choices()])
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnly(Table):
    """Facts that only the platform itself writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
