"""Papers, and the way through the application as a doctor's browser goes it."""

import io
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from doctors.models import Doctor
from telemed.accounts.models import User
from tests import cast
from tests.conftest import Browse

ABOUT: dict[str, Any] = {
    "name": "Dr Noor Aziz", "specialty": "cardiology", "qualification": "MBBS", "languages": ["en", "ur"], "practising_since": "2013",
    "time_zone": "Europe/London", "biography": "Hearts.",
}  # fmt: skip
LICENCE: dict[str, Any] = {
    "country": "GB", "region": "", "council": "General Medical Council", "number": "7712009", "valid_from": "2020-02-01",
    "valid_until": "2027-01-31",
}  # fmt: skip
EDUCATION = {"school": "Imperial College London", "degree": "MBBS", "year": "2010", "country": "GB"}
GPS = "51 30 26"  # what must not be kept of a photo


def photo(kind: str = "JPEG", size: tuple[int, int] = (60, 40)) -> bytes:
    """A picture as a telephone makes it: turned, and with the place where it was taken."""
    image = Image.new("RGB", size, "navy")
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif[0x010E] = GPS
    exif.get_ifd(0x8825)[2] = (51.0, 30.0, 26.0)
    out = io.BytesIO()
    image.save(out, kind, exif=exif)
    return out.getvalue()


def pdf(words: bytes = b"certificate") -> bytes:
    return b"%PDF-1.7\n" + words + b"\n%%EOF"


def file(content: bytes, name: str = "paper.jpg", content_type: str = "image/jpeg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type)


def applicant(browse: Browse, email: str = "noor@example.com") -> tuple[User, Client]:
    user = User.objects.create_user(email=email, password=cast.PASSWORD)
    return user, browse(user)


def fill_in(client: Client, **licence: Any) -> None:
    """Every step but the last."""
    for step, facts in (
        ("about", ABOUT),
        ("licences", {**LICENCE, **licence, "paper": file(pdf(), "gmc.pdf", "application/pdf")}),
        ("education", EDUCATION),
        ("documents", {"kind": "identity", "upload": file(photo())}),
    ):
        answer = client.post(f"/clinic/apply/{step}/", facts)
        assert answer.status_code == 302, (step, answer.content.decode())


def sent(browse: Browse) -> Doctor:
    user, client = applicant(browse)
    fill_in(client)
    assert client.post("/clinic/apply/check/").status_code == 302
    return Doctor.objects.get(user=user)


def decide_licence(office: Client, doctor: Doctor, button: str = "verify", **facts: str) -> Any:
    row = doctor.licences.latest("created_at")
    days = {"valid_from": f"{row.valid_from}", "valid_until": f"{row.valid_until or ''}"}
    data = {"what": "licence", "id": str(row.pk), "reason": "The register says so", button: "1", **days, **facts}
    return office.post(f"/admin/doctors/verify/{doctor.pk}/", data)


def take(office: Client, doctor: Doctor) -> Any:
    return office.post(f"/admin/doctors/verify/{doctor.pk}/", {"what": "take"})


def decide(office: Client, doctor: Doctor, button: str, reason: str = "The register says so") -> Any:
    return office.post(f"/admin/doctors/verify/{doctor.pk}/", {"what": "decide", "reason": reason, button: "1"})
