"""Forms of a doctor's practice."""

from datetime import datetime, time
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from doctors.actions.practice import Hours
from doctors.models import Doctor, VisitType
from telemed.accounts.forms import zone_choices
from telemed.core import clock, money, speech

SPOKEN = (
    "ar",
    "bn",
    "de",
    "en",
    "es",
    "fa",
    "fr",
    "gu",
    "hi",
    "it",
    "ja",
    "ko",
    "ml",
    "mr",
    "nl",
    "pa",
    "pl",
    "pt",
    "ro",
    "ru",
    "so",
    "sw",
    "ta",
    "te",
    "tr",
    "uk",
    "ur",
    "vi",
    "yo",
    "zh",
)
FAR = 100  # years from now in which nobody is away
RANGES = 2  # working periods of a day: before and after the break


def language_choices() -> list[tuple[str, str]]:
    locale = speech.locale()
    return sorted(
        ((code, str(locale.languages.get(code, code)).capitalize()) for code in SPOKEN), key=lambda choice: choice[1]
    )


class AboutForm(forms.ModelForm):  # type: ignore[type-arg]
    """What patients read."""

    languages = forms.MultipleChoiceField(
        label=_("Languages you treat in"), choices=language_choices, widget=forms.CheckboxSelectMultiple
    )
    time_zone = forms.ChoiceField(label=_("Time zone of your hours"), choices=zone_choices)

    class Meta:
        model = Doctor
        fields: tuple[str, ...] = (
            "specialty",
            "qualification",
            "languages",
            "practising_since",
            "time_zone",
            "biography",
        )
        help_texts = {
            "qualification": _("As printed on prescriptions, for example MBBS, MRCGP"),
            "biography": _("A few sentences, in plain words."),
        }
        widgets = {"biography": forms.Textarea(attrs={"rows": 4})}

    def clean_practising_since(self) -> int:
        year: int = self.cleaned_data["practising_since"]
        if not 1950 <= year <= clock.now().year:
            raise forms.ValidationError(gettext("Enter the year in which you began, like 2009."))
        return year


class HoursForm(forms.Form):
    """A week of working periods, two a day, as wall times of the doctor's zone."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for day in range(7):
            for part in range(RANGES):
                for edge in ("opens", "closes"):
                    widget = forms.TimeInput(attrs={"type": "time", "class": "input", "step": "300"}, format="%H:%M")
                    self.fields[f"{edge}_{day}_{part}"] = forms.TimeField(required=False, widget=widget)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        for day in range(7):
            last: time | None = None
            for part in range(RANGES):
                opens, closes = data.get(f"opens_{day}_{part}"), data.get(f"closes_{day}_{part}")
                if bool(opens) != bool(closes):
                    self.add_error(f"opens_{day}_{part}", gettext("Enter both times, or leave both empty."))
                elif opens and closes and (opens >= closes or (last and opens < last)):
                    self.add_error(
                        f"opens_{day}_{part}",
                        gettext("Each period must end after it starts, and start after the one before has ended."),
                    )
                last = closes or last
        return data

    def hours(self) -> list[Hours]:
        pairs = (
            (day, self.cleaned_data[f"opens_{day}_{part}"], self.cleaned_data[f"closes_{day}_{part}"])
            for day in range(7)
            for part in range(RANGES)
        )
        return [Hours(day, opens, closes) for day, opens, closes in pairs if opens]

    @staticmethod
    def initial_of(doctor: Doctor) -> dict[str, time]:
        initial: dict[str, time] = {}
        seen = dict.fromkeys(range(7), 0)
        every_week = doctor.weekly_hours.filter(visit_type=None, since=None, until=None)
        for row in every_week.order_by("weekday", "opens"):
            part = seen[row.weekday]
            initial |= {f"opens_{row.weekday}_{part}": row.opens, f"closes_{row.weekday}_{part}": row.closes}
            seen[row.weekday] += 1
        return initial


class AwayForm(forms.Form):
    first = forms.DateField(label=_("First day away"), widget=forms.DateInput(attrs={"type": "date", "class": "input"}))
    last = forms.DateField(label=_("Last day away"), widget=forms.DateInput(attrs={"type": "date", "class": "input"}))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("first") and data.get("last") and data["last"] < data["first"]:
            self.add_error("last", gettext("The last day cannot be before the first."))
        for name in ("first", "last"):
            if name in data and abs(data[name].year - clock.now().year) > FAR:
                self.add_error(name, self.fields[name].error_messages["invalid"])
        return data

    def period(self, zone: str) -> dict[str, datetime]:
        tz = clock.zone(zone)
        return {
            "starts_at": clock.at(self.cleaned_data["first"], time(), tz),
            "ends_at": clock.at(self.cleaned_data["last"], time(23, 59, 59), tz),
        }


class OfferForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=60, help_text=_("For example: First visit"))
    mode = forms.ChoiceField(label=_("How"), choices=VisitType.Mode)
    minutes = forms.IntegerField(label=_("Minutes"), min_value=5, max_value=180)
    price = forms.DecimalField(
        label=_("Price"), min_value=0, max_digits=9, decimal_places=2, help_text=_("0 for a free visit")
    )

    def facts(self, currency: str) -> dict[str, Any]:
        data = self.cleaned_data
        return {
            "name": data["name"],
            "mode": data["mode"],
            "minutes": data["minutes"],
            "price": money.from_major(data["price"], currency).minor,
            "currency": currency,
        }


class InviteForm(forms.Form):
    email = forms.EmailField(
        label=_("Email of the person"), help_text=_("They get a link. Use an address that only they read.")
    )

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()
