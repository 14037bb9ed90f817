"""Forms about when a doctor works, beside the hours of every week."""

from datetime import date, time
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from doctors.data import closed
from doctors.forms.practice import FAR
from doctors.models import Doctor, Schedule, VisitType
from telemed.core import clock, speech

DAYS = (_("Monday"), _("Tuesday"), _("Wednesday"), _("Thursday"), _("Friday"), _("Saturday"), _("Sunday"))
SHOWN = 6  # public holidays that come next


def _time(label: Any, *, required: bool = True) -> forms.TimeField:
    widget = forms.TimeInput(attrs={"type": "time", "class": "input", "step": "300"}, format="%H:%M")
    return forms.TimeField(label=label, required=required, widget=widget)


def _day(label: Any, *, required: bool = True, hint: Any = "") -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date", "class": "input"})
    return forms.DateField(label=label, required=required, widget=widget, help_text=hint)


class _Hours(forms.Form):
    """Checks a pair of wall times and days near enough to mean something."""

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        opens, closes = data.get("opens"), data.get("closes")
        if opens and closes and opens >= closes:
            self.add_error("closes", gettext("The end must be after the start."))
        for name in ("day", "since", "until"):
            if data.get(name) and abs(data[name].year - clock.now().year) > FAR:
                self.add_error(name, self.fields[name].error_messages["invalid"])
        return data


class ExtraForm(_Hours):
    """Hours for one kind of visit, or for some weeks only."""

    visit_type = forms.ModelChoiceField(VisitType.objects.none(), label=_("For which visits"), required=False)
    weekday = forms.TypedChoiceField(label=_("Day of the week"), coerce=int, choices=list(enumerate(DAYS)))
    opens, closes = _time(_("From")), _time(_("To"))
    since = _day(_("First day"), required=False, hint=_("Empty: from now on"))
    until = _day(_("Last day"), required=False, hint=_("Empty: without an end"))

    def __init__(self, *args: Any, doctor: Doctor, **options: Any) -> None:
        super().__init__(*args, **options)
        kinds: Any = self.fields["visit_type"]
        kinds.queryset = doctor.visit_types.filter(active=True).order_by("price")
        kinds.empty_label = gettext("All that have no hours of their own")

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if data.get("since") and data.get("until") and data["until"] < data["since"]:
            self.add_error("until", gettext("The last day cannot be before the first."))
        if not self.errors and not (data["visit_type"] or data["since"] or data["until"]):
            self.add_error(
                "visit_type", gettext("Choose a kind of visit or a day. What holds every week stands above.")
            )
        return data


class DayForm(_Hours):
    """Other hours on one day, in two periods at most; none to be closed."""

    day = _day(_("Day"))
    opens, closes = _time(_("From"), required=False), _time(_("To"), required=False)
    opens_again = _time(_("And again from"), required=False)
    closes_again = _time(_("To"), required=False)

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        for one, two in (("opens", "closes"), ("opens_again", "closes_again")):
            if bool(data.get(one)) != bool(data.get(two)):
                self.add_error(one, gettext("Enter both times, or leave both empty."))
        again, closes = data.get("opens_again"), data.get("closes")
        if again and (not closes or again < closes or again >= (data.get("closes_again") or time.max)):
            self.add_error(
                "opens_again",
                gettext("Each period must end after it starts, and start after the one before has ended."),
            )
        return data

    def hours(self) -> list[tuple[time, time]]:
        data = self.cleaned_data
        pairs = ((data["opens"], data["closes"]), (data["opens_again"], data["closes_again"]))
        return [(opens, closes) for opens, closes in pairs if opens]


NOTICES = {
    5: _("5 minutes"), 60: _("1 hour"), 120: _("2 hours"), 240: _("4 hours"), 720: _("12 hours"), 1440: _("1 day"), 2880: _("2 days"),
    10080: _("1 week"),
}  # fmt: skip
HORIZONS = {
    14: _("2 weeks"),
    30: _("1 month"),
    60: _("2 months"),
    90: _("3 months"),
    180: _("6 months"),
    365: _("1 year"),
}


class RulesForm(forms.ModelForm):  # type: ignore[type-arg]
    notice = forms.TypedChoiceField(
        label=_("Booked at the latest before the visit"), coerce=int, choices=list(NOTICES.items())
    )
    horizon = forms.TypedChoiceField(
        label=_("Booked at the earliest before the visit"), coerce=int, choices=list(HORIZONS.items())
    )
    holidays = forms.ChoiceField(label=_("Closed on public holidays of"), required=False)

    class Meta:
        model = Schedule
        fields = ("before", "after", "notice", "horizon", "most_per_day", "most_per_week", "holidays")
        labels = {
            "before": _("Minutes free before each visit"), "after": _("Minutes free after each visit"),
            "most_per_day": _("Most visits in a day"), "most_per_week": _("Most visits in a week"),
        }  # fmt: skip
        help_texts = {"most_per_day": _("Empty: as many as fit"), "most_per_week": _("Empty: as many as fit")}

    def __init__(self, data: Any = None, *, doctor: Doctor, prefix: str) -> None:
        found = Schedule.objects.filter(doctor=doctor).first() or Schedule(doctor=doctor)
        initial = {"notice": found.notice or min(NOTICES), "horizon": found.horizon or 60}
        super().__init__(data, instance=found, initial=initial, prefix=prefix)
        fields: dict[str, Any] = self.fields
        fields["holidays"].choices = _regions(doctor.clinic.country, found.holidays)
        for name, most in (("before", 120), ("after", 120)):
            fields[name].max_value = most
            fields[name].validators.append(MaxValueValidator(most))
            fields[name].widget.attrs["max"] = most
        for name in ("most_per_day", "most_per_week"):
            fields[name].required = False
            fields[name].validators.append(MinValueValidator(1))
            fields[name].widget.attrs["min"] = 1


def _regions(country: str, chosen: str) -> list[tuple[str, str]]:
    """None, the clinic's country with its parts, and the other countries."""
    names = speech.locale().territories
    near = [(code, " ".join([names.get(country, country), *code.split("-")[1:]])) for code in closed.regions(country)]
    far = sorted(
        ((code, str(names.get(code, code))) for code in closed.countries() if code != country), key=lambda row: row[1]
    )
    known = {code for code, _name in near + far}
    kept = [(chosen, chosen)] if chosen and chosen not in known else []
    return [("", gettext("None: open on all of them")), *near, *kept, *far]


def coming_holidays(region: str, today: date) -> list[tuple[date, str]]:
    """The next days on which the doctor is closed, with their names."""
    language = (get_language() or "en").partition("-")[0]
    days = [
        row for year in (today.year, today.year + 1) for row in closed.public_holidays(region, year, language).items()
    ]
    return [row for row in days if row[0] >= today][:SHOWN]
