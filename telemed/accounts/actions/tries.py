"""Tries to sign in with a password, and the rules that look at them (telemed.accounts.rules)."""

from datetime import datetime

from django.core.cache import cache
from django.db.models import Count, Q
from django.utils.translation import gettext_lazy as _

from telemed.accounts import rules
from telemed.accounts.models import SignInTry
from telemed.core import audit, keyed
from telemed.core.problems import Refusal


class AddressHeld(Refusal):
    code = "sign_in_address_held"
    sentence = _("Too many tries. Ask for a code instead, or wait an hour.")


class NetworkHeld(Refusal):
    code = "sign_in_network_held"
    sentence = _("Too many tries from your network. Ask for a code instead, or wait an hour.")


def require_calm(address: str, network: str, *, now: datetime) -> None:
    """Raises AddressHeld or NetworkHeld, whether or not the address has an account."""
    if cache.get(f"stuffing.{network}"):
        raise NetworkHeld
    recent = SignInTry.objects.filter(address=_hidden(address), failed=True, at__gt=now - rules.GUESSING.within)
    if recent.count() >= rules.GUESSING.most:
        raise AddressHeld


def note(address: str, network: str, *, failed: bool, now: datetime) -> None:
    SignInTry.objects.create(address=_hidden(address), network=network, failed=failed, at=now)
    if not failed:
        return
    stuffing, spraying = rules.STUFFING, rules.SPRAYING
    here = SignInTry.objects.filter(network=network, at__gt=now - stuffing.within).aggregate(
        addresses=Count("address", distinct=True), all=Count("pk"), failed=Count("pk", filter=Q(failed=True))
    )
    if here["addresses"] > stuffing.most and here["failed"] > stuffing.share * here["all"]:
        _say(f"stuffing.{network}", stuffing)
    everywhere = SignInTry.objects.filter(failed=True, at__gt=now - spraying.within)
    if everywhere.aggregate(addresses=Count("address", distinct=True))["addresses"] > spraying.most:
        _say("spraying", spraying)


def forget(*, now: datetime) -> None:
    SignInTry.objects.filter(at__lt=now - rules.KEPT).delete()


def _say(key: str, rule: rules.Rule) -> None:
    """Once in a while, into the access log: whoever reviews it sees who was held, or that somebody tries everyone."""
    if cache.add(key, 1, rule.hold.total_seconds()):
        audit.record("denied", "accounts.signin", key[:60], by=None, purpose="HOPERAT", outcome=rule.code)


def _hidden(address: str) -> bytes:
    return keyed.digest("sign-in-try", address)
