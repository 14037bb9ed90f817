"""Files that people send us: told apart by their first bytes, never by their name; small; and pictures are drawn anew,
so that no place, camera or hidden part of the original is kept (ASVS 5.0, 14.2.8)."""

import io
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any
from warnings import catch_warnings, simplefilter

from django import forms
from django.core.files.uploadedfile import InMemoryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

LARGEST = 6 * 1024 * 1024  # bytes of one file
LONGEST_SIDE = 2400  # pixels that are kept: small print of a certificate stays readable
QUALITY = 88
PICTURES, PDF = ("image/jpeg", "image/png"), "application/pdf"
FIRST_BYTES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png", b"%PDF-": PDF}


@dataclass(frozen=True)
class Upload:
    """What is kept of a file that was sent."""

    content: bytes
    content_type: str
    name: str


class InMemory(FileUploadHandler):
    """Files of a request stay in memory; the disk of the server never sees them unencrypted. Of one that is too large only
    the size is kept, for the field to refuse it with a sentence."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.kept = io.BytesIO()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if start + len(raw_data) <= LARGEST:
            self.kept.write(raw_data)

    def file_complete(self, file_size: int) -> "UploadedFile[bytes]":
        self.kept.seek(0)
        return InMemoryUploadedFile(
            self.kept,
            self.field_name,
            self.file_name,
            self.content_type,
            file_size,
            self.charset,
            self.content_type_extra,
        )


class UploadField(forms.FileField):
    """A PDF or a picture; with ``pictures`` only pictures. Its clean value is an Upload, or None when left empty."""

    def __init__(self, *, pictures: bool = False, camera: str = "", **options: Any) -> None:
        self.kinds = PICTURES if pictures else (PDF, *PICTURES)
        extra = {"capture": camera} if camera else {}
        widget = forms.FileInput(attrs={"accept": ",".join(self.kinds), **extra})
        options.setdefault("error_messages", {"required": _("Choose a file."), "missing": _("Choose a file.")})
        super().__init__(widget=widget, **options)

    def clean(self, data: Any, initial: Any = None) -> Upload | None:
        file: UploadedFile[bytes] | None = super().clean(data, initial)
        return checked(file, self.kinds) if file else None


def checked(file: "UploadedFile[bytes]", kinds: tuple[str, ...]) -> Upload:
    """The file as we keep it. Raises ValidationError with a sentence that says what to do."""
    if (file.size or 0) > LARGEST:
        raise forms.ValidationError(gettext("This file is too large. Send one of at most 6 MB."))
    content = file.read()
    kind = next((kind for first, kind in FIRST_BYTES.items() if content.startswith(first)), "")
    if kind not in kinds:
        raise forms.ValidationError(
            gettext("Send a PDF, a JPEG or a PNG.") if PDF in kinds else gettext("Send a photo: a JPEG or a PNG.")
        )
    stem = PurePath(file.name or "").stem[:60] or "file"
    if kind == PDF:
        return Upload(content, PDF, f"{stem}.pdf")
    return Upload(_redrawn(content), "image/jpeg", f"{stem}.jpg")


def _redrawn(content: bytes) -> bytes:
    """The picture alone, upright, as a JPEG. More pixels than Pillow thinks healthy are refused unopened."""
    from PIL import Image, ImageOps

    with catch_warnings():
        simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(content), formats=("JPEG", "PNG")) as sent:
                upright = ImageOps.exif_transpose(sent).convert("RGBA")
        except (
            OSError,
            ValueError,
            SyntaxError,
            Image.DecompressionBombError,
            Image.DecompressionBombWarning,
        ) as error:
            raise forms.ValidationError(
                gettext("This picture cannot be opened. Take it again, or send another file.")
            ) from error
    upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    paper = Image.new("RGB", upright.size, "white")  # what is transparent would come out black
    paper.paste(upright, mask=upright.getchannel("A"))
    out = io.BytesIO()
    paper.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()
