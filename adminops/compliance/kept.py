"""What the law makes us keep of people who left: for the keepers of records, and nobody else. Every look is logged."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from adminops import shell
from adminops.within import within
from patients.actions import erasure
from patients.models import Limit
from telemed.accounts.context import me
from telemed.core import audit, clock, datamap, files
from telemed.core.models import StoredFile

READS = permission_required("adminops.read_retained", raise_exception=True)


def _left(request: HttpRequest) -> Any:
    rows = Limit.objects.standing(Limit.Kind.ERASED).filter(shredded_at=None).select_related("patient")
    return within(rows, me(request))


@READS
@require_GET
def records(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    """Whose record is kept, and until when."""
    rows = _left(request).order_by("until")
    audit.record("read", "patients.kept", by=me(request), purpose="HOPERAT")
    context = {"title": _("Kept records"), "rows": rows[:200], "now": clock.now()}
    return shell.page(request, site, "admin/kept/list.html", context)


@READS
@require_GET
@transaction.atomic
def record(request: HttpRequest, *, limit_id: UUID, site: AdminSite) -> HttpResponse:
    """One record, as it was written."""
    row = get_object_or_404(_left(request), pk=limit_id)
    audit.record("read", "patients.kept", row.pk, by=me(request), patient_id=row.patient_id, purpose="HOPERAT")
    tables = [
        (rows.model._meta.verbose_name_plural, [(list(_facts(item)), _paper(item)) for item in rows[:500]])
        for rows in erasure.kept_rows(row.patient)
    ]
    context = {"title": _("Kept record"), "row": row, "tables": [(name, items) for name, items in tables if items]}
    return shell.page(request, site, "admin/kept/one.html", context)


@READS
@require_GET
def paper(request: HttpRequest, *, limit_id: UUID, file_id: UUID, site: AdminSite) -> HttpResponseBase:
    """A file that is kept with it."""
    row = get_object_or_404(_left(request), pk=limit_id)
    papers = datamap.rows()["core.storedfile"].of(row.patient_id, row.patient.user_id)
    file = get_object_or_404(papers, pk=file_id)
    audit.record("read", "core.storedfile", file.pk, by=me(request), patient_id=row.patient_id, purpose="HOPERAT")
    return files.respond(file, request=request)


def _paper(item: models.Model) -> models.Model | None:
    return item if isinstance(item, StoredFile) else None


def _facts(item: models.Model) -> Iterator[tuple[str, Any]]:
    """What a row says of the person, as the map of data has it, and its days; never a secret."""
    told = datamap.rows()[item._meta.label_lower].names(datamap.PHI, datamap.PII, datamap.FINANCIAL)
    for field in item._meta.concrete_fields:
        day = isinstance(field, models.DateField) and datamap.said(item, field.name) != datamap.SECRET
        if not field.is_relation and (field.name in told or day):
            value = getattr(item, field.attname)
            if value:
                yield str(field.verbose_name), value
