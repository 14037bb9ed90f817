"""A device and a place in words: what somebody recognises as their own."""

import ipaddress
from dataclasses import dataclass
from functools import lru_cache

from django.utils.translation import gettext as _
from ua_parser import parse

# Families of ua-parser, as people call them.
BROWSERS = {
    "Mobile Safari": "Safari", "Mobile Safari UI/WKWebView": "Safari", "Chrome Mobile": "Chrome", "Chrome Mobile iOS": "Chrome",
    "Chrome Mobile WebView": "Chrome", "HeadlessChrome": "Chrome", "Firefox Mobile": "Firefox", "Firefox iOS": "Firefox",
    "Edge Mobile": "Edge", "Samsung Internet": "Samsung Internet",
}  # fmt: skip
SYSTEMS = {"Mac OS X": "Mac", "Chrome OS": "Chromebook"}
HANDHELD = {"Android", "iPhone", "iPad", "iOS", "Windows Phone", "KaiOS", "HarmonyOS"}


@dataclass(frozen=True)
class Device:
    browser: str
    system: str
    handheld: bool

    def __str__(self) -> str:
        """'Chrome on Windows'."""
        if not self.browser:
            return _("A device that we do not recognise")
        if not self.system:
            return self.browser
        return _("%(browser)s on %(system)s") % {"browser": self.browser, "system": self.system}


@lru_cache(512)
def device(agent: str) -> Device:
    """The browser and the system that call themselves so."""
    found = parse(agent)
    browser = found.user_agent.family if found.user_agent else ""
    system = found.os.family if found.os else ""
    if system == "iOS" and found.device and found.device.family in HANDHELD:
        system = found.device.family
    return Device(BROWSERS.get(browser, browser), SYSTEMS.get(system, system), system in HANDHELD)


def place(network: str, here: str = "") -> str:
    """Where a shortened address is, without asking anyone: 'the same network as this device', 'a local network', 'the
    network 203.0.113.0'."""
    if not network:
        return _("a place that we do not know")
    if network == here:
        return _("the same network as this device")
    try:
        address = ipaddress.ip_address(network)
    except ValueError:
        return _("a place that we do not know")
    if address.is_private:
        return _("a local network")
    return _("the network %(address)s") % {"address": network}
