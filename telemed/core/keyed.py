"""Keyed hashes (HMAC-SHA256, 16 bytes) for looking up a value that is stored encrypted or not at all.

One key per ``label``. Only for values that cannot be guessed one by one from few possibilities without the key.
"""

import hashlib
import hmac

from telemed.core.crypto import keyring


def digest(label: str, value: str) -> bytes:
    return digests(label, value)[0]


def digests(label: str, value: str) -> list[bytes]:
    """``digest``, and what it was under the keys of ``label`` that are being replaced: to look up what was stored before."""
    keys = [hmac.digest(known.key, label.encode(), hashlib.sha256) for known in keyring.for_index(label)]
    return [hmac.digest(key, value.encode(), hashlib.sha256)[:16] for key in keys]
