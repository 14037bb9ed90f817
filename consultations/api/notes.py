"""The note of a visit, saved while the doctor types. A save that is behind answers with what stands there now."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.shortcuts import get_object_or_404
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from consultations.actions import notes
from consultations.models import ClinicalNote, Consultation
from telemed.accounts.models import User
from telemed.core import clock, problems


class Chosen(serializers.Serializer[Any]):
    code = serializers.CharField(max_length=10)
    provisional = serializers.BooleanField(default=False)


class Note(serializers.Serializer[Any]):
    revision = serializers.IntegerField(min_value=0)
    complaint, findings, plan = (
        serializers.CharField(max_length=notes.LONGEST, allow_blank=True, trim_whitespace=False) for _ in range(3)
    )
    diagnoses = serializers.ListField(child=Chosen(), max_length=notes.MOST_DIAGNOSES)


@api_view(["PUT"])
@transaction.atomic
def note(request: Request, consultation_id: UUID) -> Response:
    rooms = Consultation.objects.led_by(request.user).select_related("appointment__doctor", "appointment__patient")
    room = get_object_or_404(rooms, pk=consultation_id)
    form = Note(data=request.data)
    form.is_valid(raise_exception=True)
    facts = form.validated_data
    chosen = {row["code"]: row["provisional"] for row in facts["diagnoses"]}
    written = notes.Written(facts["complaint"], facts["findings"], facts["plan"], chosen)
    assert isinstance(request.user, User)
    try:
        kept = notes.save(room, written, revision=facts["revision"], by=request.user, now=clock.now())
    except notes.Stale as refusal:
        problem = problems.body(refusal.code, refusal.status, str(refusal), current=_shown(refusal.note))
        return Response(problem, status=refusal.status, content_type=problems.MEDIA_TYPE)
    return Response({"revision": kept.revision, "saved": clock.hour(kept.updated_at)})


def _shown(row: ClinicalNote) -> dict[str, Any]:
    return {
        "revision": row.revision, "saved": clock.hour(row.updated_at), "complaint": row.complaint, "findings": row.findings,
        "plan": row.plan, "diagnoses": row.diagnoses,
    }  # fmt: skip
