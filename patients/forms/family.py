"""Who may act for a patient, and how control is handed over."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from patients import queries
from patients.actions import family
from patients.forms.profile import BirthDateField
from patients.models import Patient, Proxy
from telemed.accounts.forms import AddressField
from telemed.core import clock


class RightsForm(forms.Form):
    """What somebody may do for a patient, and until when; for the parent of a minor it is ``endless``: until they are of age."""

    rights = forms.MultipleChoiceField(
        label=_("What may they do?"), choices=Proxy.Right, widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one thing.")},
    )  # fmt: skip
    until = forms.DateField(
        label=_("Last day"), help_text=_("After this day it ends by itself. You can end it earlier at any time."),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"required": _("Choose the last day."), "invalid": _("Write the day like 2027-03-31.")},
    )  # fmt: skip

    def __init__(self, *args: Any, endless: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if endless:
            del self.fields["until"]

    def clean_until(self) -> date:
        day: date = self.cleaned_data["until"]
        today = clock.now().astimezone(clock.current_zone()).date()
        if not today <= day < today + family.LONGEST:
            raise forms.ValidationError(family.TooLong.sentence)
        return day

    def ends_at(self) -> datetime | None:
        """The end of the last day, where the reader lives."""
        day: date | None = self.cleaned_data.get("until")
        return clock.at(day + timedelta(days=1), time(), clock.current_zone()) if day else None


class InviteForm(RightsForm):
    address = AddressField(help_text=_("We send an invitation there. It works for 7 days, and only for this address."))
    relation = forms.ChoiceField(label=_("Who are they to you?"), choices=[("", _("Choose")), *Proxy.Relation.choices])
    field_order = ("address", "relation", "rights", "until")

    def __init__(self, *args: Any, patient: Patient, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.patient = patient
        self.fields["address"].label = _("Their email or mobile number")
        self.fields["address"].widget.attrs["autocomplete"] = "off"
        if patient.user_id is None:
            self.fields["relation"].label = _("Who are they to the child?")
        if queries.is_minor(patient.birth_date, clock.now()):
            self.fields["relation"].help_text = _(
                "A mother, father or guardian decides like a parent until the child is of age, without a last day."
            )

    def ends_at(self) -> datetime | None:
        """None for a parent of a minor."""
        relation = self.cleaned_data.get("relation", "")
        return None if family.is_parent(self.patient, relation, clock.now()) else super().ends_at()


class HandOverForm(forms.Form):
    address = AddressField(help_text=_("We ask them there to take over their record. It cannot be your own address."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["address"].label = _("Their email or mobile number")
        self.fields["address"].widget.attrs["autocomplete"] = "off"


class BirthDateForm(forms.Form):
    birth_date = BirthDateField(label=_("Your date of birth"), help_text=_("For example 27 3 1985"))
