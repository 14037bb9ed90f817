"""A word that nobody would write by chance, in every field and file that says who or how somebody is; and the search for it
in everything that a thief of disks, backups, logs or queues would read."""

import base64
import gzip
import re
import secrets
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

GZIP = re.compile(rb"\x1f\x8b\x08")
LARGEST = 64 * 1024 * 1024  # bytes that one compressed part may become


def fresh() -> str:
    """Letters and digits only, in lower case, so that an address keeps it as it is."""
    return f"cny{secrets.token_hex(8)}"


def shapes(canary: str) -> dict[str, bytes]:
    """How the word may stand in a file, whatever stands around it."""
    plain = canary.encode()
    found = {
        "utf-8": plain, "utf-16-le": canary.encode("utf-16-le"), "utf-16-be": canary.encode("utf-16-be"),
        "hex": plain.hex().encode(), "percent": "".join(f"%{byte:02x}" for byte in plain).encode(),
    }  # fmt: skip
    for offset in range(3):
        # The first and last characters depend on the neighbours: what is left is the same in every text.
        whole = base64.b64encode(bytes(offset) + plain)
        found[f"base64+{offset}"] = whole[-(-offset * 8 // 6) : len(whole) // 4 * 4 - 4]
    return found


def seen(content: bytes, canary: str) -> list[str]:
    """The shapes in which the word is in ``content``, also inside what is compressed there."""
    low = content.lower()
    names = [
        name
        for name, shape in shapes(canary).items()
        if (content.find(shape) if "64" in name else low.find(shape)) >= 0
    ]
    return names + [f"gzip {name}" for part in _packed(content) for name in seen(part, canary)]


def _packed(content: bytes) -> Iterator[bytes]:
    for start in GZIP.finditer(content):
        unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        try:
            part = unpack.decompress(content[start.start() :], LARGEST)
        except zlib.error:
            continue
        yield part


def files(folders: Iterable[Path]) -> Iterator[tuple[Path, bytes]]:
    """Every file below, as far as it is still there when its turn comes."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            try:
                if path.is_file() and not path.is_symlink():
                    yield path, path.read_bytes()
            except OSError:
                continue


def sample(canary: str) -> bytes:
    """The word once in every shape, and packed."""
    return b" ".join([*shapes(canary).values(), gzip.compress(b"say " + canary.encode())])


def text(canary: str) -> str:
    """The word once in every shape that is text."""
    return " ".join(shapes(canary)[name].decode() for name in TEXT)


TEXT = ("utf-8", "hex", "percent", "base64+0", "base64+1", "base64+2")
BYTES = (*TEXT, "utf-16-le", "utf-16-be", "gzip utf-8")
