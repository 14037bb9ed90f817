"""What ``manage.py check`` says beyond Django's own checks."""

from typing import Any

from django.conf import settings
from django.core.checks import WARNING, CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured

from telemed.core import datamap, keys, kms


@register(Tags.security, deploy=True)
def demo_is_off(app_configs: Any, **_: Any) -> list[Error]:
    if settings.DEMO:
        return [Error("Demo mode signs anyone in. Set TELEMED_MODE=production.", id="telemed.E001")]
    return []


@register(Tags.security, deploy=True)
def keys_are_there(app_configs: Any, **_: Any) -> list[Error]:
    found = []
    if (path := kms.key_file()) and not path.exists():
        found = [f"KMS_URL names {path}, which does not exist."]
    try:
        keys.try_out(settings.SIGNING["key"], settings.SIGNING["certificate"])
    except ImproperlyConfigured as error:
        found.append(str(error))
    hint = "manage.py make_keys makes the root key; the certificate comes from your authority."
    return [Error(sentence, hint=hint, id="telemed.E002") for sentence in found]


@register(Tags.security, deploy=True)
def the_log_is_anchored(app_configs: Any, **_: Any) -> list[CheckMessage]:
    if settings.AUDIT_ANCHOR_URL:
        return []
    words = "AUDIT_ANCHOR_URL is not set: who owns the database can cut off the end of the access log unseen."
    hint = "Name a place that the database server cannot write, see docs/configuration.md."
    return [CheckMessage(WARNING, words, hint=hint, id="telemed.W001")]


@register()
def the_data_map_is_whole(app_configs: Any, **_: Any) -> list[Error]:
    """Every column says what it holds and whose it is, and nothing is said that is not so."""
    try:
        found = datamap.faults(datamap.rows())
    except (KeyError, TypeError, ValueError) as error:
        found = [f"not readable: {error!r}"]
    return [Error(f"telemed/privacy.yaml: {fault}.", id="telemed.E003") for fault in found]
