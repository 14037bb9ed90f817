"""Search of the dictionaries while a doctor types."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework.decorators import api_view, permission_classes, throttle_classes
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView

from consultations.models import Diagnosis, Medicine
from consultations.wording import FORMS, strength
from telemed.accounts.models import User

LONGEST = 80


class IsDoctor(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:
        return bool(request.user.is_authenticated and request.user.role == User.Role.DOCTOR)


class SearchRate(UserRateThrottle):
    scope, rate = "dictionaries", "240/min"


@api_view(["GET"])
@permission_classes([IsDoctor])
@throttle_classes([SearchRate])
def medicines(request: Request) -> Response:
    rows = Medicine.objects.find(_wanted(request))
    return _answer(
        {"value": row.id, "label": f"{row.medicine.name} {FORMS[row.form]} {strength(row.strength)}", "detail": row.medicine.group}
        for row in rows
    )  # fmt: skip


@api_view(["GET"])
@permission_classes([IsDoctor])
@throttle_classes([SearchRate])
def diagnoses(request: Request) -> Response:
    return _answer(
        {"value": row.code, "label": row.name, "detail": row.code} for row in Diagnosis.objects.find(_wanted(request))
    )


def _wanted(request: Request) -> str:
    return request.query_params.get("q", "")[:LONGEST]


def _answer(rows: Any) -> Response:
    results = list(rows)
    return Response({"results": results, "none": "" if results else _("Nothing in the dictionary has these words.")})
