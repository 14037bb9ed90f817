"""A small file in MaxMind's format (MaxMind DB File Format Specification 2.0), written here so that the tests need none of
theirs. IPv4 only."""

import ipaddress
import struct
from pathlib import Path
from typing import Any

NODE_BITS = 32
SEPARATOR, MARKER = b"\0" * 16, b"\xab\xcd\xefMaxMind.com"
MAP, UINT16, UINT32, UINT64, ARRAY, BOOLEAN = 7, 5, 6, 9, 11, 14


def write(path: Path, networks: dict[str, dict[str, Any]]) -> Path:
    """A city database that knows these networks, each with its record."""
    nodes: list[list[Any]] = [[None, None]]
    for network, record in networks.items():
        _put(nodes, ipaddress.IPv4Network(network), record)
    data, tree = b"", b""
    offsets: dict[int, int] = {}
    for record in networks.values():
        offsets[id(record)] = len(data)
        data += _encode(record)
    for node in nodes:
        for side in node:
            tree += _value(side, len(nodes), offsets).to_bytes(NODE_BITS // 8, "big")
    facts = {
        "node_count": (UINT32, len(nodes)), "record_size": NODE_BITS, "ip_version": 4, "database_type": "GeoLite2-City", "languages": ["en"],
        "binary_format_major_version": 2, "binary_format_minor_version": 0, "build_epoch": (UINT64, 1_790_000_000), "description": {"en": "Test"},
    }  # fmt: skip
    path.write_bytes(tree + SEPARATOR + data + MARKER + _encode(facts))
    return path


def _put(nodes: list[list[Any]], network: ipaddress.IPv4Network, record: dict[str, Any]) -> None:
    address, at = int(network.network_address), 0
    for depth in range(network.prefixlen):
        side = address >> (31 - depth) & 1
        if depth == network.prefixlen - 1:
            nodes[at][side] = record
        else:
            if nodes[at][side] is None:
                nodes.append([None, None])
                nodes[at][side] = len(nodes) - 1
            at = nodes[at][side]


def _value(side: Any, count: int, offsets: dict[int, int]) -> int:
    if side is None:
        return count  # nothing is known
    return side if isinstance(side, int) else count + len(SEPARATOR) + offsets[id(side)]


def _encode(value: Any) -> bytes:
    match value:
        case bool():
            return _head(BOOLEAN, int(value))
        case dict():
            return _head(MAP, len(value)) + b"".join(_encode(part) for pair in value.items() for part in pair)
        case list():
            return _head(ARRAY, len(value)) + b"".join(map(_encode, value))
        case str():
            return _head(2, len(value.encode())) + value.encode()
        case float():
            return _head(3, 8) + struct.pack(">d", value)
        case (kind, number):
            packed: bytes = number.to_bytes((number.bit_length() + 7) // 8, "big")
            return _head(kind, len(packed)) + packed
        case _:
            return _encode((UINT16, value))


def _head(kind: int, size: int) -> bytes:
    """The control byte (and the next ones): types past 7 stand in a second byte, sizes past 28 in a third."""
    first, rest = (size, b"") if size < 29 else (29, bytes([size - 29]))
    return (bytes([first, kind - 7]) if kind > 7 else bytes([kind << 5 | first])) + rest
