"""The demo page: its people with one-click sign-in, their second-factor codes, and everything the platform sent.

Mounted only in demo mode, which production settings refuse.
"""

import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import segno
from django import forms
from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET, require_POST
from django_otp import devices_for_user
from django_otp.oath import TOTP

from consultations.states import AppointmentState
from patients.forms.profile import BirthDateField
from telemed.accounts.forms import AppForm, PreferencesForm, SignUpForm
from telemed.accounts.fresh import Proof
from telemed.accounts.models import AuthenticatorApp, User
from telemed.accounts.views.entry import enter as start_session
from telemed.core import clock
from telemed.demo import nobody, people
from telemed.notifications.models import Message

PER_PAGE = 100


class Born(forms.Form):
    born = BirthDateField(label="Date of birth")


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    active = User.objects.filter(is_active=True).select_related("doctor", "patient").prefetch_related("groups")
    users = list(active.order_by("joined_at")[:100])
    order = {"patient": 0, "doctor": 1, "staff": 2}
    rows = [
        {"user": user, "name": _name(user), "code": _code(user)}
        for user in sorted(users, key=lambda user: order[user.role])
    ]
    page = Paginator(_outbox(), PER_PAGE).get_page(request.GET.get("page"))
    context = {"people": rows, "page": page, "password": people.PASSWORD, "now": clock.now()}
    return render(request, "demo/index.html", context)


@require_GET
def outbox_json(request: HttpRequest) -> JsonResponse:
    """Everything that was sent, newest first, for programs; ``?page=2`` is what is older, as far as ``pages``."""
    page = Paginator(_outbox(), PER_PAGE).get_page(request.GET.get("page"))
    rows = [
        {
            "id": str(row.pk), "channel": row.channel, "kind": row.kind, "to": row.address or str(row.user or ""), "subject": row.subject,
            "body": row.body, "link": row.link, "state": row.state, "created_at": row.created_at, "sent_at": row.sent_at,
            "attachments": row.attachments or [],
        }
        for row in page
    ]  # fmt: skip
    return JsonResponse({"messages": rows, "page": page.number, "pages": page.paginator.num_pages})


@require_GET
def attachment(request: HttpRequest, message_id: UUID, number: int) -> HttpResponse:
    parts = get_object_or_404(Message, pk=message_id).attachments or []
    if number >= len(parts):
        raise Http404
    headers = {"Content-Disposition": f'attachment; filename="{parts[number]["name"]}"'}
    return HttpResponse(parts[number]["content"], content_type=parts[number]["type"], headers=headers)


@require_POST
def enter(request: HttpRequest, user_id: UUID) -> HttpResponse:
    """Sign in as a demo person, second factor included."""
    user: Any = get_object_or_404(User, pk=user_id, is_active=True)
    device = next(iter(devices_for_user(user, confirmed=True)), None)
    if device:
        user.otp_device = device
    if request.user.is_authenticated:
        request.session.flush()
    proof = Proof.TOKEN if device else Proof.PASSWORD
    return start_session(request, user, settings.LOGIN_REDIRECT_URL, proof=proof, demo=True)


@require_GET
def components(request: HttpRequest) -> HttpResponse:
    """The living style page: every component in every state. The warning before a session ends is there for whoever is
    signed in, as on every page."""
    now = clock.now()
    context = {
        "now": now, "wrong": SignUpForm({"address": "not an address", "password": "short"}), "clean": PreferencesForm(auto_id="clean_%s"),
        "born": Born(auto_id="born_%s"), "app": AppForm(auto_id="app_%s"), "states": list(AppointmentState),
        "picture": segno.make("otpauth://totp/Specimen", error="m").svg_data_uri(scale=5, border=2), **nobody.booking(now),
        "helped": {"helping": {"asked_by": "Grace Bello", "person": "Noor Rahman", "expires_at": now + timedelta(minutes=15)}, "stop": "#"},
    }  # fmt: skip
    return render(request, "demo/components.html", context)


def _outbox() -> Any:
    return Message.objects.exclude(channel=Message.Channel.INBOX).select_related("user").order_by("-id")


def _name(user: User) -> str:
    if hasattr(user, "doctor"):
        return str(user.doctor.name)
    return (user.patient.name if hasattr(user, "patient") else "") or user.name or user.address


def _code(user: User) -> str:
    device = AuthenticatorApp.objects.filter(user=user, confirmed=True).first()
    if device is None:
        return ""
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift)
    totp.time = time.time()
    return f"{totp.token():06d}"
