"""When two exports hold the same record: every resource that an import makes again is there in both, and each is equal
to the last character, its id included. What is bound to an installation and therefore not compared:

- ``meta.lastUpdated`` and the ``fullUrl`` of an entry, which say where it was written;
- resources that an import does not make again (``Table.restored``): the access log, grants, proxies, messages of the
  platform, sign-ins, registrations;
- what was still going on in the first installation (``carrying.PENDING``) and stays there, and people whom only such
  resources name.
"""

from telemed.core.fhir import Resource


def differences(one: list[Resource], other: list[Resource]) -> list[str]:
    """Where two exports differ, each as a line; empty when they are equal."""
    first, second = _by_name(one), _by_name(other)
    lost = [f"{name} is missing" for name in sorted(first.keys() - second.keys())]
    new = [f"{name} is new" for name in sorted(second.keys() - first.keys())]
    changed = [
        f"{name}: {_where(first[name], second[name])}"
        for name in sorted(first.keys() & second.keys())
        if first[name] != second[name]
    ]
    return lost + new + changed


def _by_name(resources: list[Resource]) -> dict[str, Resource]:
    return {f"{one['resourceType']}/{one['id']}": one for one in resources}


def _where(one: Resource, other: Resource) -> str:
    keys = [key for key in sorted(one.keys() | other.keys()) if one.get(key) != other.get(key)]
    return f"{', '.join(keys)} differ"
