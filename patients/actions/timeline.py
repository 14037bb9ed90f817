"""The patient's history, one line for each thing that happened."""

from datetime import datetime
from uuid import UUID

from patients.models import TimelineEntry


def add(
    *,
    patient_id: UUID,
    kind: str,
    source_id: UUID,
    at: datetime,
    title: str,
    body: str,
    link: str,
    visit_id: UUID | None = None,
    hidden: bool = False,
) -> None:
    """Add a line. The same kind and source again changes nothing."""
    row = TimelineEntry(
        patient_id=patient_id, kind=kind, source_id=source_id, at=at, title=title, body=body, link=link,
        visit_id=visit_id, hidden_from_proxies=hidden,
    )  # fmt: skip
    TimelineEntry.objects.bulk_create([row], ignore_conflicts=True)


def hide(visit_id: UUID, *, hidden: bool) -> None:
    """Hide everything that came of a visit from proxies, or show it again."""
    TimelineEntry.objects.filter(visit_id=visit_id).update(hidden_from_proxies=hidden)
