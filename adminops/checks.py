"""What ``manage.py check`` says about the roles."""

from typing import Any

from django.core.checks import Error, register

from adminops import roles


@register()
def the_roles_are_whole(app_configs: Any, **_: Any) -> list[Error]:
    """Every field of every table is classified, and nothing is classified that is not there."""
    try:
        found = roles.faults(roles.book())
    except (KeyError, TypeError, ValueError) as error:
        found = [f"not readable: {error!r}"]
    return [Error(f"adminops/roles.yaml: {fault}.", id="adminops.E001") for fault in found]


@register()
def every_column_says_what_it_tells(app_configs: Any, **_: Any) -> list[Error]:
    """A table of the back office is in the file, and a column that is no field names the fields that it tells."""
    from adminops.admin import site

    found = []
    tables: dict[Any, Any] = site._registry
    for model, table in tables.items():
        if model._meta.label_lower not in roles.book().fields:
            found.append(f"{model._meta.label_lower} is in the admin but not in adminops/roles.yaml")
        names = {row.name for row in model._meta.get_fields()}
        unsaid = [name for name in map(str, table.list_display) if name not in names and name not in table.tells]
        found += [f"{type(table).__name__}.{name} does not say which fields it tells" for name in unsaid]
    return [Error(f"{fault}.", id="adminops.E002") for fault in found]
