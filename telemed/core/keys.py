"""The key that signs our papers: tried out at the start. Demo mode makes one, with a certificate that no one else trusts."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.core.exceptions import ImproperlyConfigured

Loaded = TypeVar("Loaded")


def make_signing_key(key_path: Path, certificate_path: Path, *, name: str, now: datetime) -> None:
    """Write an EC P-256 key (readable by us only) and a self-signed certificate, valid for five years."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, name), x509.NameAttribute(NameOID.ORGANIZATION_NAME, name)]
    )
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=True, key_encipherment=False, data_encipherment=False, key_agreement=False,
        key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1))
    certificate = (
        builder.not_valid_after(now + timedelta(days=5 * 365))
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    key_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    key_path.touch(mode=0o600)
    key_path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def try_out(key_path: Path, certificate_path: Path) -> None:
    """Raises ImproperlyConfigured when papers could not be signed with these two files."""
    key = _read("SIGNING_KEY", key_path, lambda pem: serialization.load_pem_private_key(pem, password=None))
    certificate = _read("SIGNING_CERTIFICATE", certificate_path, x509.load_pem_x509_certificate)
    if key.public_key() != certificate.public_key():
        raise ImproperlyConfigured("SIGNING_CERTIFICATE is the certificate of another key than SIGNING_KEY.")


def _read(name: str, path: Path, load: Callable[[bytes], Loaded]) -> Loaded:
    try:
        return load(path.read_bytes())
    except OSError as error:
        raise ImproperlyConfigured(f"{name} names {path}, which cannot be read ({error.strerror}).") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ImproperlyConfigured(f"{name} names {path}, which is no such PEM file, or has a password.") from error
