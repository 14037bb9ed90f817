"""The profile that a visit needs: who the patient is, whom to call, allergies and conditions."""

from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from patients.actions.profile import Statement
from patients.models import Allergy, Condition, Patient, Proxy
from telemed.accounts import addresses
from telemed.accounts.clinics import the_clinic
from telemed.accounts.forms import country_choices
from telemed.accounts.models import User
from telemed.core import clock

OLDEST = 120
LINES = 20


class BirthDateWidget(forms.MultiWidget):
    """Day, month and year as three text boxes: nobody finds 1948 in a calendar."""

    template_name = "components/birth_date.html"

    def __init__(self) -> None:
        boxes = [forms.TextInput(attrs={"inputmode": "numeric", "maxlength": size}) for size in (2, 2, 4)]
        super().__init__(widgets={"day": boxes[0], "month": boxes[1], "year": boxes[2]})

    def decompress(self, value: date | None) -> list[int | None]:
        return [value.day, value.month, value.year] if value else [None, None, None]


class BirthDateField(forms.MultiValueField):
    widget = BirthDateWidget

    def __init__(self, **options: Any) -> None:
        parts = tuple(forms.IntegerField(required=False) for _part in range(3))
        super().__init__(fields=parts, require_all_fields=False, **options)

    def compress(self, data_list: list[int | None]) -> date | None:
        if not data_list or None in data_list:
            raise forms.ValidationError(gettext("Enter day, month and year, like 27 3 1985."))
        day, month, year = (int(part or 0) for part in data_list)
        try:
            born = date(year, month, day)
        except (ValueError, OverflowError) as error:
            raise forms.ValidationError(gettext("This date does not exist. Check day, month and year.")) from error
        today = clock.now().date()
        if born > today or clock.age(born, today) > OLDEST:
            raise forms.ValidationError(
                gettext("Check the year: it must lie between %(first)d and %(last)d.")
                % {"first": today.year - OLDEST, "last": today.year}
            )
        return born


class StatementsField(forms.CharField):
    """One thing a line; 'Penicillin: rash' is a substance and what it does."""

    quiet = True  # whether it may stay empty depends on the box beside it

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 3}), **options)

    def clean(self, value: Any) -> list[Statement]:
        lines = [line.strip() for line in super().clean(value).splitlines() if line.strip()]
        if len(lines) > LINES:
            raise forms.ValidationError(
                gettext("Keep it to %(count)d lines. You can tell the doctor more.") % {"count": LINES}
            )
        return [
            Statement(name.strip()[:120], detail.strip()[:120])
            for name, _colon, detail in (line.partition(":") for line in lines)
        ]


class ProfileForm(forms.Form):
    name = forms.CharField(
        label=_("Full legal name"),
        max_length=120,
        help_text=_("As on your identity card or passport. It is printed on prescriptions."),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    birth_date = BirthDateField(label=_("Date of birth"), help_text=_("For example 27 3 1985"))
    sex = forms.ChoiceField(label=_("Sex"), choices=Patient.Sex, widget=forms.RadioSelect)
    line = forms.CharField(
        label=_("Street and number"), max_length=120, widget=forms.TextInput(attrs={"autocomplete": "address-line1"})
    )
    city = forms.CharField(
        label=_("Town or city"), max_length=80, widget=forms.TextInput(attrs={"autocomplete": "address-level2"})
    )
    postcode = forms.CharField(
        label=_("Postcode"),
        max_length=12,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "postal-code"}),
    )
    country = forms.ChoiceField(
        label=_("Country"), choices=country_choices, widget=forms.Select(attrs={"autocomplete": "country"})
    )
    contact_name = forms.CharField(
        label=_("Whom may we call in an emergency?"), max_length=120, help_text=_("Name of a person close to you")
    )
    contact_phone = forms.CharField(
        label=_("Their phone number"), max_length=30, widget=forms.TextInput(attrs={"type": "tel"})
    )
    contact_relation = forms.CharField(
        label=_("Who are they to you?"), max_length=60, help_text=_("For example: wife, son, neighbour")
    )
    no_allergies = forms.BooleanField(label=_("I have no allergies that I know of"), required=False)
    allergies = StatementsField(
        label=_("Allergies"), help_text=_("One a line, with what happens. For example: Penicillin: rash")
    )
    conditions = StatementsField(label=_("Illnesses you live with"), help_text=_("One a line. For example: Asthma"))

    @classmethod
    def initial_of(cls, patient: Patient, user: User) -> dict[str, Any]:
        """What we know already and ``user`` may see, as the form shows it; sensible beginnings for who is new."""
        if not patient.completed_at:
            return {"country": the_clinic().country}
        facts = {"patient": patient, "source": "patient"}
        allergies = Allergy.objects.for_user(user).standing().filter(**facts)
        conditions = Condition.objects.for_user(user).standing().filter(**facts)
        contact = patient.emergency_contact
        return {
            "name": patient.name, "birth_date": patient.birth_date, "sex": patient.sex, **patient.address,
            "contact_name": contact["name"], "contact_phone": contact["phone"], "contact_relation": contact["relation"],
            "allergies": "\n".join(": ".join(filter(None, (row.substance, row.reaction))) for row in allergies),
            "no_allergies": not allergies,
            "conditions": "\n".join(row.name for row in conditions),
            "own_address": patient.own_address,
        }  # fmt: skip

    def clean_contact_phone(self) -> str:
        country = self.cleaned_data.get("country") or the_clinic().country
        return addresses.mobile(self.cleaned_data["contact_phone"], country)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if "allergies" in data and bool(data["allergies"]) == data["no_allergies"]:
            self.add_error(
                "allergies",
                gettext("Write your allergies down, or tick the box if you have none. The doctor needs to know which."),
            )
        return data

    def facts(self) -> dict[str, Any]:
        """The arguments of profile.fill_in."""
        data = self.cleaned_data
        return {
            **{name: data[name] for name in ("name", "birth_date", "sex", "allergies", "conditions")},
            "address": {name: data[name] for name in ("line", "city", "postcode", "country")},
            "emergency_contact": {name: data[f"contact_{name}"] for name in ("name", "phone", "relation")},
        }


class OthersForm(ProfileForm):
    """The profile of somebody whom the reader acts for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["contact_name"].help_text = _("Name of a person close to them. It can be you.")
        self.fields["contact_relation"].label = _("Who is that to them?")
        self.fields["contact_relation"].help_text = _("For example: mother, grandfather, neighbour")
        self.fields["no_allergies"].label = _("No allergies that we know of")
        self.fields["conditions"].label = _("Illnesses they live with")


class DependantForm(OthersForm):
    """The profile of a child without a login."""

    own_address = forms.CharField(
        label=_("Their own email or mobile number"), required=False, max_length=254,
        help_text=_("We write there once, on the day they are of age, so that they can take over their record."),
    )  # fmt: skip

    def clean_own_address(self) -> str | None:
        typed = self.cleaned_data["own_address"]
        return addresses.normal(typed, the_clinic().country) if typed else None

    def facts(self) -> dict[str, Any]:
        return {**super().facts(), "own_address": self.cleaned_data["own_address"]}


class ChildForm(DependantForm):
    """A child who is added by a parent."""

    relation = forms.ChoiceField(
        label=_("Who are you to the child?"), widget=forms.RadioSelect,
        choices=[(relation.value, relation.label) for relation in Proxy.PARENTS],
    )  # fmt: skip
    declared = forms.BooleanField(
        label=_("I am a parent or guardian of this child and may decide about their health."),
        error_messages={"required": _("Tick the box. Only a parent or guardian may add a child.")},
    )


def profile_form(patient: Patient, user: User) -> type[ProfileForm]:
    if patient.user_id == user.pk:
        return ProfileForm
    return OthersForm if patient.user_id else DependantForm
