"""The archive: a zip whose every file is encrypted with AES-256 (WinZip AE-2), which 7-Zip, WinZip, Keka and macOS
archivers open with its password. What is in it stands in ``manifest.json``, with a hash of each file."""

import hashlib
import io
import json
import zlib
from collections.abc import Mapping
from typing import Any

import pyzipper
from django.utils.translation import gettext_lazy as _

from telemed.core.ids import code
from telemed.core.problems import Refusal
from telemed.records import sealing

FORMAT, VERSION = "telemed-record", 1
MANIFEST, SEAL = "manifest.json", "manifest.signature.json"
AE2 = 2  # without the checksums of the plain files, which would tell what is in them
LARGEST = 1 << 30  # bytes, all files together


class NotARecord(Refusal):
    code = "not_a_record"
    sentence = _("This file is not a health record that was exported from a platform like this one.")
    status = 422


class WrongPassword(Refusal):
    code = "wrong_password"
    sentence = _("The password does not open this file. Type it as it was shown when the export was made.")
    status = 422


class Tampered(Refusal):
    code = "tampered"
    sentence = _(
        "This file was changed after it was made, or comes from somebody whom you did not name. Nothing was kept."
    )
    status = 422

    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why

    def __str__(self) -> str:
        return f"{self.sentence} ({self.why})"


def password() -> str:
    """'7F3K-…': 100 random bits, to be read, copied or typed."""
    return "-".join(code(4) for _each in range(5))


def pack(files: Mapping[str, bytes], facts: Mapping[str, Any], *, password: str) -> bytes:
    """The archive with these files, a manifest that says ``facts`` and the hash of each file, and our signature."""
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    manifest = json.dumps(
        {"format": FORMAT, "version": VERSION, **facts, "sha256": hashes}, indent=2, ensure_ascii=False
    ).encode()
    target = io.BytesIO()
    with pyzipper.AESZipFile(target, "w", compression=pyzipper.ZIP_DEFLATED) as archive:
        archive.setpassword(password.encode())
        archive.setencryption(pyzipper.WZ_AES, nbits=256, force_wz_aes_version=AE2)
        for name, content in {**files, MANIFEST: manifest, SEAL: sealing.sign(manifest)}.items():
            archive.writestr(name, content)
    return target.getvalue()


def unpack(content: bytes, *, password: str, trusted: bytes) -> tuple[dict[str, bytes], dict[str, Any], str]:
    """The files, the manifest and who signed it. ``trusted`` is the certificate of the installation that made it.

    Raises NotARecord, WrongPassword or Tampered.
    """
    files = _opened(content, password)
    if MANIFEST not in files or SEAL not in files:
        raise NotARecord
    said, seal = files.pop(MANIFEST), files.pop(SEAL)
    try:
        signer = sealing.check(said, seal, trusted=trusted)
    except sealing.Forged as error:
        raise Tampered(str(error)) from error
    manifest = json.loads(said)
    if (manifest.get("format"), manifest.get("version")) != (FORMAT, VERSION):
        raise NotARecord
    _compare(files, manifest["sha256"])
    return files, {**manifest, "manifest_sha256": hashlib.sha256(said).hexdigest()}, signer


def _compare(files: Mapping[str, bytes], hashes: Mapping[str, str]) -> None:
    for name in sorted(files.keys() ^ hashes.keys()):
        raise Tampered(f"{name} was added or taken out")
    for name, content in files.items():
        if hashlib.sha256(content).hexdigest() != hashes[name]:
            raise Tampered(f"{name} was changed")


def _opened(content: bytes, password: str) -> dict[str, bytes]:
    try:
        archive = pyzipper.AESZipFile(io.BytesIO(content))
    except (pyzipper.BadZipFile, ValueError, OSError) as error:
        raise NotARecord from error
    with archive:
        archive.setpassword(password.encode())
        if sum(one.file_size for one in archive.infolist()) > LARGEST:
            raise NotARecord
        return {one.filename: _plain(archive, one) for one in archive.infolist()}


def _plain(archive: pyzipper.AESZipFile, one: pyzipper.ZipInfo) -> bytes:
    try:
        return bytes(archive.read(one))
    except RuntimeError as error:
        raise WrongPassword from error
    except (pyzipper.BadZipFile, zlib.error, ValueError, OSError, EOFError, NotImplementedError) as error:
        raise Tampered(f"{one.filename} was changed") from error
