"""Which lines of the access log somebody wants to see."""

from datetime import time, timedelta
from typing import Any, ClassVar

from django import forms
from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from telemed.core import clock

KINDS: dict[str, tuple[Promise, tuple[str, ...]]] = {
    "read": (_("Looked"), ("read", "search")),
    "write": (_("Made or changed"), ("create", "update", "delete", "sign", "verify")),
    "given": (_("Copied or passed on"), ("export", "print", "disclose")),
    "rights": (_("Access and agreements"), ("grant", "consent")),
}
URGENT = "urgent"


class SeenForm(forms.Form):
    """People are the choices of ``person``: whoever did something in this record."""

    person = forms.ChoiceField(label=_("Who"), required=False)
    kind = forms.ChoiceField(label=_("What"), required=False)
    since = forms.DateField(label=_("From"), required=False, widget=forms.DateInput({"type": "date"}))
    until = forms.DateField(label=_("To"), required=False, widget=forms.DateInput({"type": "date"}))

    NAMES: ClassVar[tuple[str, ...]] = ("person", "kind", "since", "until")

    def __init__(self, data: Any, *, people: list[tuple[str, str]]) -> None:
        super().__init__(data)
        person, kind = self.fields["person"], self.fields["kind"]
        assert isinstance(person, forms.ChoiceField)
        assert isinstance(kind, forms.ChoiceField)
        person.choices = [("", _("Everybody")), ("others", _("Everybody but me")), *people]
        kinds = [(key, label) for key, (label, _actions) in KINDS.items()]
        kind.choices = [("", _("Everything")), (URGENT, _("Emergencies")), *kinds]
        for field in self.fields.values():
            field.quiet = True  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("since") and data.get("until") and data["since"] > data["until"]:
            self.add_error("until", _("This day is before the first one. Choose a later one."))
        return data

    def wanted(self) -> Q:
        """What the lines have in common."""
        data, zone, found = self.cleaned_data, clock.current_zone(), Q()
        if data.get("kind") == URGENT:
            found &= Q(purpose="BTG")
        elif data.get("kind"):
            found &= Q(action__in=KINDS[data["kind"]][1])
        if data.get("since"):
            found &= Q(at__gte=clock.at(data["since"], time(), zone))
        if data.get("until"):
            found &= Q(at__lt=clock.at(data["until"] + timedelta(days=1), time(), zone))
        return found

    @property
    def asks(self) -> bool:
        """Something was chosen."""
        return any(self.data.get(name) for name in self.NAMES)
