"""What is typed about an incident."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from adminops.compliance import places
from adminops.models import Incident
from adminops.states import Protection, Risk, Standing
from telemed.core import clock

LONG = {"rows": 4, "class": "vLargeTextField"}
MOMENT = "%Y-%m-%dT%H:%M"
FACTORS = {
    "nature": _("Which data, and how easily do they tell who somebody is?"),
    "who": _("Who had them or could have used them?"),
    "seen": _("Were they really taken or looked at?"),
    "eased": _("How far was the risk made smaller since?"),
}
SPARE = 4  # empty lines for further places


def moment(**named: Any) -> forms.DateTimeField:
    """A day and an hour on the clock of whoever types."""
    box = forms.DateTimeInput({"type": "datetime-local"}, format=MOMENT)
    return forms.DateTimeField(widget=box, input_formats=[MOMENT, f"{MOMENT}:%S"], **named)


class IncidentForm(forms.Form):
    title = forms.CharField(label=_("In a few words"), max_length=120)
    what = forms.CharField(
        label=_("What happened"), max_length=4000, widget=forms.Textarea(LONG),
        help_text=_("Plain words: this text goes into the letters. Name no patient."),
    )  # fmt: skip
    happened_at = moment(label=_("When it happened"), required=False, help_text=_("Empty if nobody knows yet."))
    discovered_at = moment(
        label=_("When the first of us knew, or should have known"), help_text=_("All clocks run from this moment.")
    )
    standing = forms.ChoiceField(label=_("What we are to these people"), choices=Standing, widget=forms.RadioSelect)
    protection = forms.ChoiceField(label=_("The data are"), choices=Protection, widget=forms.RadioSelect)
    kinds = forms.MultipleChoiceField(
        label=_("Which data"),
        choices=Incident.Data,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one thing.")},
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        began, known = data.get("happened_at"), data.get("discovered_at")
        if known and known > clock.now():
            self.add_error("discovered_at", gettext("This moment is still to come."))
        if began and known and began > known:
            self.add_error("happened_at", gettext("It cannot have happened after it was discovered."))
        return data


class PlaceForm(forms.Form):
    place = forms.ChoiceField(label=_("Where people live"), choices=places.choices, required=False)
    people = forms.IntegerField(label=_("How many"), min_value=1, max_value=100_000_000, required=False)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if bool(data.get("place")) != bool(data.get("people")) and not self.errors:
            missing = "people" if data.get("place") else "place"
            self.add_error(missing, gettext("Enter both, or neither."))
        return data


if TYPE_CHECKING:
    PlacesBase = forms.BaseFormSet[PlaceForm]
else:
    PlacesBase = forms.BaseFormSet


class PlaceSet(PlacesBase):
    def clean(self) -> None:
        chosen = [
            form.cleaned_data["place"] for form in self.forms if form.is_valid() and form.cleaned_data.get("place")
        ]
        if len(set(chosen)) < len(chosen):
            raise forms.ValidationError(gettext("A place stands there twice. Add the numbers up."))
        if not chosen and not any(form.errors for form in self.forms):
            raise forms.ValidationError(gettext("Say where at least one of the people lives; an estimate is enough."))

    def people(self) -> dict[str, int]:
        rows = [form.cleaned_data for form in self.forms if form.cleaned_data.get("place")]
        return {row["place"]: row["people"] for row in rows}


Places: Any = forms.formset_factory(PlaceForm, formset=PlaceSet, extra=SPARE, max_num=300)


class AssessForm(forms.Form):
    risk = forms.ChoiceField(label=_("Risk for people"), choices=Risk, widget=forms.RadioSelect)
    measures = forms.CharField(
        label=_("What was done, and will be done"), max_length=4000, required=False, widget=forms.Textarea(LONG),
        help_text=_("This text goes into the letters."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, label in FACTORS.items():
            self.fields[name] = forms.CharField(
                label=label, max_length=2000, required=False, widget=forms.Textarea({**LONG, "rows": 2})
            )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("risk") == Risk.LOW:
            for name in FACTORS:
                if not data.get(name) and name not in self.errors:
                    self.add_error(name, gettext("A low risk must be shown: answer this."))
        return data

    def factors(self) -> dict[str, str]:
        return {name: self.cleaned_data[name] for name in FACTORS}


class DraftForm(forms.Form):
    draft = forms.CharField(
        label=_("What will be said"), max_length=20_000, strip=False, widget=forms.Textarea({**LONG, "rows": 24}),
        help_text=_("Fill in what stands in brackets. Once you have saved it, it is not written anew any more."),
    )  # fmt: skip


class DoneForm(forms.Form):
    at = moment(label=_("When they were told"))
    how = forms.CharField(
        label=_("How"), max_length=300, help_text=_("By letter, by the form of the authority, number of the case.")
    )


def local(value: Any) -> str:
    """A moment as the box shows it."""
    return timezone.localtime(value).strftime(MOMENT) if value else ""
