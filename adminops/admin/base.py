"""Conventions of every list: no counting of huge tables, related rows in one query, nothing deleted by hand."""

from typing import TYPE_CHECKING, Any

from django.contrib.admin import ModelAdmin, TabularInline
from django.http import HttpRequest

if TYPE_CHECKING:
    Base = ModelAdmin[Any]
    Inline = TabularInline[Any, Any]
else:
    Base, Inline = ModelAdmin, TabularInline


class Table(Base):
    show_full_result_count = False
    list_per_page = 50

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnly(Table):
    """Facts that only the platform itself writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
