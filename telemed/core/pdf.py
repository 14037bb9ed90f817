"""PDF: rendered from our own templates, signed with the clinic's certificate (PAdES B-B), and checked."""

import io
import mimetypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.utils import translation


class BrokenSignature(Exception):
    """The document has no signature of ours, or was changed after it was signed."""


@dataclass(frozen=True)
class Signature:
    signer: str
    intact: bool


def render(template: str, context: dict[str, Any], *, language: str) -> bytes:
    """A tagged PDF (PDF/UA-1) of an HTML template. Only files of ours are read, nothing is fetched."""
    from weasyprint import HTML

    with translation.override(language):
        html = render_to_string(template, context)
    return bytes(HTML(string=html, base_url="static:", url_fetcher=_fetcher()).write_pdf(pdf_variant="pdf/ua-1"))


def sign(pdf: bytes, *, reason: str) -> bytes:
    """The same document with a signature over all of it. A later change breaks the signature."""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import signers
    from pyhanko.sign.fields import SigSeedSubFilter

    signer = signers.SimpleSigner.load(str(settings.SIGNING["key"]), str(settings.SIGNING["certificate"]))
    if signer is None:
        raise BrokenSignature("the signing key or certificate cannot be read")
    facts = signers.PdfSignatureMetadata(field_name="Signature", reason=reason, subfilter=SigSeedSubFilter.PADES)
    signed = signers.sign_pdf(IncrementalPdfFileWriter(io.BytesIO(pdf)), facts, signer=signer)
    return bytes(signed.getbuffer())


def check(pdf: bytes) -> Signature:
    """Who signed, when the signature covers the whole document. Raises BrokenSignature, whatever the bytes are."""
    try:
        status = _status(pdf)
    except BrokenSignature:
        raise
    except Exception as error:  # a damaged document breaks its reader in many ways; they all mean the same
        raise BrokenSignature(f"the document cannot be read: {type(error).__name__}") from error
    return Signature(signer=status.signing_cert.subject.human_friendly, intact=True)


def _status(pdf: bytes) -> Any:
    from pyhanko.keys import load_cert_from_pemder
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation import validate_pdf_signature
    from pyhanko.sign.validation.status import SignatureCoverageLevel
    from pyhanko_certvalidator import ValidationContext

    reader = PdfFileReader(io.BytesIO(pdf))
    if not reader.embedded_signatures:
        raise BrokenSignature("the document is not signed")
    trust = ValidationContext(trust_roots=[load_cert_from_pemder(str(settings.SIGNING["certificate"]))])
    status = validate_pdf_signature(reader.embedded_signatures[0], trust)
    whole = status.coverage == SignatureCoverageLevel.ENTIRE_FILE
    if not (whole and status.intact and status.valid and status.trusted):
        raise BrokenSignature(status.summary())
    return status


@cache
def _unpacked(font: str) -> bytes:
    """A web font as the desktop font in it. Otherwise every document would unpack every font again, which takes longer
    than drawing it."""
    from fontTools.ttLib import TTFont

    unpacked, packed = io.BytesIO(), TTFont(font)
    packed.flavor = None
    packed.save(unpacked)
    return unpacked.getvalue()


@cache
def _fetcher() -> Any:
    """Reads static files of ours ("static:css/pdf.css") and what the page itself holds (data:), and nothing else."""
    from weasyprint.urls import URLFetcher, URLFetcherResponse

    class OursOnly(URLFetcher):
        def fetch(self, url: str, headers: Any = None) -> Any:
            if url.startswith("data:"):
                return super().fetch(url, headers)
            path = finders.find(url.removeprefix("static:").lstrip("/")) if url.startswith("static:") else None
            if not path:
                raise ValueError(f"a document may not read {url[:80]}")
            kind = mimetypes.guess_type(str(path))[0] or "application/octet-stream"
            content = _unpacked(str(path)) if kind == "font/woff2" else Path(str(path)).read_bytes()
            return URLFetcherResponse(url, content, {"Content-Type": kind})

    return OursOnly(fail_on_errors=True)
