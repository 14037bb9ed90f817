"""Where on earth an address is, as a file of the operator says (GEO_DATABASE, MaxMind's format). Nobody is asked; without
the file no place is known."""

import ipaddress
import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import maxminddb
from django.conf import settings

EARTH_KM = 6371.0
VEILED = ("is_anonymous", "is_anonymous_proxy", "is_anonymous_vpn", "is_hosting_provider", "is_satellite_provider")


@dataclass(frozen=True)
class Place:
    latitude: float
    longitude: float
    radius: float  # km around it within which the address really is
    veiled: bool  # a VPN, a satellite, a mobile network: the address says little about the person


def known() -> bool:
    """There is a file, so there are places."""
    return bool(settings.GEO_DATABASE)


def place_of(network: str) -> Place | None:
    """The place of a shortened address, when it is known."""
    book = _book()
    try:
        found: Any = book.get(ipaddress.ip_address(network)) if book else None
    except ValueError:  # no address at all, or IPv6 in a file for IPv4
        return None
    spot = found.get("location", {}) if isinstance(found, dict) else {}
    if "latitude" not in spot or "longitude" not in spot:
        return None
    traits = found.get("traits", {})
    veiled = traits.get("connection_type") == "Cellular" or any(traits.get(name) for name in VEILED)
    return Place(spot["latitude"], spot["longitude"], float(spot.get("accuracy_radius", 0)), veiled)


def kilometres(here: Place, there: Place) -> float:
    """At least so far apart: the great circle, less what the two addresses may be wrong by."""
    north, south = math.radians(here.latitude), math.radians(there.latitude)
    east = math.radians(there.longitude - here.longitude)
    chord = math.sin((south - north) / 2) ** 2 + math.cos(north) * math.cos(south) * math.sin(east / 2) ** 2
    return max(0.0, 2 * EARTH_KM * math.asin(math.sqrt(min(1.0, chord))) - here.radius - there.radius)


@cache
def _book() -> maxminddb.Reader | None:
    return maxminddb.open_database(settings.GEO_DATABASE) if known() else None
