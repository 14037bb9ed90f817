"""The patient's history, one line for each thing that happened."""

from datetime import datetime
from uuid import UUID

from patients.models import TimelineEntry


def add(*, patient_id: UUID, kind: str, source_id: UUID, at: datetime, title: str, body: str, link: str) -> None:
    """Add a line. The same kind and source again changes nothing."""
    row = TimelineEntry(patient_id=patient_id, kind=kind, source_id=source_id, at=at, title=title, body=body, link=link)
    TimelineEntry.objects.bulk_create([row], ignore_conflicts=True)
