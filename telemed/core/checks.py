"""What ``manage.py check`` says beyond Django's own checks."""

from typing import Any

from django.conf import settings
from django.core.checks import WARNING, CheckMessage, Error, Tags, register

from telemed.core import datamap, kms


@register(Tags.security, deploy=True)
def demo_is_off(app_configs: Any, **_: Any) -> list[Error]:
    if settings.DEMO:
        return [Error("Demo mode signs anyone in. Set TELEMED_MODE=production.", id="telemed.E001")]
    return []


@register(Tags.security, deploy=True)
def keys_are_there(app_configs: Any, **_: Any) -> list[Error]:
    wanted = {
        **({"KMS_URL": path} if (path := kms.key_file()) else {}),
        "SIGNING_KEY": settings.SIGNING["key"],
        "SIGNING_CERTIFICATE": settings.SIGNING["certificate"],
    }
    return [
        Error(
            f"{name} names {path}, which does not exist.",
            hint="manage.py make_keys makes the root key; the certificate comes from your authority.",
            id="telemed.E002",
        )
        for name, path in wanted.items()
        if not path.exists()
    ]


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
