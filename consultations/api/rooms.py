"""What must last in a room: messages, letting in, ending, the device check. Commands carry an id made by the browser, so
that sending again after a lost answer changes nothing."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import Http404
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers, status
from rest_framework.decorators import api_view, parser_classes, throttle_classes
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import UserRateThrottle

from consultations.actions import chat, log, rooms
from consultations.models import Participant
from patients.models import Proxy
from telemed.accounts.context import me
from telemed.core import audit, clock

LARGEST = 64 * 1024  # bytes of a body: the longest message in the widest letters, escaped, fits
RESULTS = ("ok", "denied", "missing", "busy", "unfit", "silent", "off", "unheard", "untested", "unsupported")
LINES = ("good", "fair", "weak", "none")


class TooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"
    default_detail = _("The request is too large.")


class SmallJSON(JSONParser):
    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        limited: Any = _Limited(stream)
        try:
            return super().parse(limited, media_type, parser_context)
        except RecursionError as error:  # thousands of brackets
            raise ParseError from error


class _Limited:
    """A stream that refuses to be read past LARGEST, whatever its headers promise."""

    def __init__(self, stream: Any) -> None:
        self.stream, self.left = stream, LARGEST

    def read(self, size: int = -1) -> bytes:
        data: bytes = self.stream.read(self.left + 1 if size < 0 else min(size, self.left + 1))
        self.left -= len(data)
        if self.left < 0:
            raise TooLarge
        return data


class MessageRate(UserRateThrottle):
    scope, rate = "room-messages", "60/min"


class CommandRate(UserRateThrottle):
    scope, rate = "room-commands", "120/min"


class Command(serializers.Serializer[Any]):
    id = serializers.RegexField(r"^[\w-]{1,40}\Z")


class Message(Command):
    text = serializers.CharField(max_length=chat.LONGEST)


class Admission(Command):
    participant = serializers.UUIDField()


class Devices(serializers.Serializer[Any]):
    camera = serializers.ChoiceField(RESULTS)
    microphone = serializers.ChoiceField(RESULTS)
    speaker = serializers.ChoiceField(RESULTS)
    connection = serializers.ChoiceField(LINES)
    sound_only = serializers.BooleanField()


@api_view(["POST"])
@parser_classes([SmallJSON])
@throttle_classes([MessageRate])
def messages(request: Request, consultation_id: UUID) -> Response:
    seat, said = _seat(request, consultation_id, Proxy.Right.MESSAGE), _checked(Message, request)
    _require_inside(seat)
    entry = chat.write(seat, said["text"], client_id=said["id"], by=me(request), now=clock.now())
    return Response(entry.frame, status=status.HTTP_201_CREATED if entry.fresh else status.HTTP_200_OK)


@api_view(["POST"])
@parser_classes([SmallJSON])
@throttle_classes([CommandRate])
def admission(request: Request, consultation_id: UUID) -> Response:
    seat, said = _seat(request, consultation_id), _checked(Admission, request)
    rooms.admit(seat, said["participant"], client_id=said["id"], by=me(request), now=clock.now())
    return Response(status=status.HTTP_204_NO_CONTENT)


@api_view(["POST"])
@parser_classes([SmallJSON])
@throttle_classes([CommandRate])
def end(request: Request, consultation_id: UUID) -> Response:
    seat, said = _seat(request, consultation_id), _checked(Command, request)
    rooms.end(seat, client_id=said["id"], by=me(request), now=clock.now())
    return Response(status=status.HTTP_204_NO_CONTENT)


@api_view(["GET"])
@throttle_classes([CommandRate])
@transaction.atomic
def events(request: Request, consultation_id: UUID) -> Response:
    """The events after ``since``, for a browser whose socket does not get through."""
    seat = _seat(request, consultation_id, Proxy.Right.READ, Proxy.Right.MESSAGE)
    _require_inside(seat)
    seq = serializers.IntegerField(min_value=0, max_value=2**62).run_validation(request.query_params.get("since", "0"))
    found, more = log.since(seat.consultation_id, seq)
    patient_id = seat.consultation.appointment.patient_id
    audit.record("read", "consultations.thread", seat.consultation_id, by=me(request), patient_id=patient_id)
    return Response({"events": found, "more": more, "head": seat.consultation.head})


@api_view(["POST"])
@parser_classes([SmallJSON])
@throttle_classes([CommandRate])
def devices(request: Request, consultation_id: UUID) -> Response:
    seat = _seat(request, consultation_id)
    chat.keep_devices(seat, _checked(Devices, request), now=clock.now())
    return Response(status=status.HTTP_204_NO_CONTENT)


def _seat(request: Request, consultation_id: UUID, *rights: str) -> Participant:
    """To come in and to wait one needs the right to book; to speak and to hear, what ``in_touch`` says of ``rights``."""
    seats = (
        Participant.objects.in_touch(request.user, *rights) if rights else Participant.objects.for_user(request.user)
    )
    seats = seats.select_related("consultation__appointment")
    seat = seats.filter(consultation_id=consultation_id).first()
    if seat is None:
        raise Http404
    return seat


def _checked(kind: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    form = kind(data=request.data)
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)


def _require_inside(seat: Participant) -> None:
    """Raises Waiting: whoever was not let in neither speaks nor hears."""
    if not seat.admitted:
        raise rooms.Waiting
