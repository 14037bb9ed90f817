"""What is shown of a value to people who may recognise it but not read it."""

DOTS = "•••"


def address(value: str) -> str:
    """'a•••@example.com' or '••• ••• 456': enough to recognise one's own."""
    if "@" in value:
        local, _at, domain = value.partition("@")
        return f"{local[:1]}{DOTS}@{domain}"
    return f"{DOTS} {DOTS} {value[-3:]}"


def text(value: str) -> str:
    """'A••• O•••' for a name; an address as ``address`` does it."""
    if "@" in value or value.startswith("+"):
        return address(value)
    return " ".join(f"{word[:1]}{DOTS}" for word in value.split())
