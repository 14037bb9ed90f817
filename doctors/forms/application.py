"""Forms of an application to work here, and of the renewal of a licence."""

import re
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from doctors.data import PER_REGION
from doctors.forms.practice import AboutForm
from doctors.models import Document
from telemed.accounts.forms import country_choices
from telemed.core import clock
from telemed.core.uploads import UploadField

REGION = re.compile(r"[A-Z0-9]{1,3}")
LONGEST = 50  # years that a licence may last


class DayInput(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class IdentityForm(AboutForm):
    """About you: the name on the papers, and what patients read later."""

    class Meta(AboutForm.Meta):
        fields = ("name", *AboutForm.Meta.fields)
        help_texts = {**AboutForm.Meta.help_texts, "name": _("As patients read it, for example Dr Lina Haddad")}


class LicenceForm(forms.Form):
    country = forms.ChoiceField(label=_("Country"), choices=country_choices)
    region = forms.CharField(
        label=_("State or province"), max_length=3, required=False,
        help_text=_("Only where each has its own licences: its short code, for example CA for California or ON for Ontario."),
    )  # fmt: skip
    council = forms.CharField(
        label=_("Registered with"), max_length=80, help_text=_("For example: General Medical Council")
    )
    number = forms.CharField(label=_("Registration number"), max_length=40)
    valid_from = forms.DateField(label=_("Valid from"), widget=DayInput)
    valid_until = forms.DateField(
        label=_("Valid until"),
        widget=DayInput,
        required=False,
        help_text=_("Leave it empty if the register names no end."),
    )
    paper = UploadField(
        label=_("Certificate or extract of the register"), help_text=_("PDF, JPEG or PNG, at most 6 MB.")
    )

    def clean_region(self) -> str:
        region: str = self.cleaned_data["region"].upper().strip()
        if self.cleaned_data.get("country") in PER_REGION.value and not region:
            raise forms.ValidationError(gettext("Licences are of a state or province there. Enter its short code."))
        if region and not REGION.fullmatch(region):
            raise forms.ValidationError(gettext("Enter the short code, for example CA."))
        return region

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        begin, end = data.get("valid_from"), data.get("valid_until")
        today = clock.now().date()
        if begin and end and end < begin:
            self.add_error("valid_until", gettext("The last day cannot be before the first."))
        elif end and end < today:
            self.add_error("valid_until", gettext("This licence is over. Enter one that is valid."))
        for name, day in (("valid_from", begin), ("valid_until", end)):
            if day and abs(day.year - today.year) > LONGEST:
                self.add_error(name, gettext("Check the year."))
        return data

    def facts(self) -> dict[str, Any]:
        """The arguments of application.claim."""
        data = dict(self.cleaned_data)
        country, region = data.pop("country"), data.pop("region")
        return {**data, "jurisdiction": f"{country}-{region}" if region else country}


class EducationForm(forms.Form):
    school = forms.CharField(label=_("School or university"), max_length=120)
    degree = forms.CharField(label=_("Degree"), max_length=120, help_text=_("For example: MBBS"))
    year = forms.IntegerField(label=_("Year"), min_value=1940)
    country = forms.ChoiceField(label=_("Country"), choices=country_choices)

    def clean_year(self) -> int:
        year: int = self.cleaned_data["year"]
        if year > clock.now().year:
            raise forms.ValidationError(gettext("Enter the year in which you finished."))
        return year


class DocumentForm(forms.Form):
    kind = forms.ChoiceField(label=_("What is it?"), choices=Document.Kind)
    upload = UploadField(label=_("File"), help_text=_("PDF, JPEG or PNG, at most 6 MB."))


class AnswerForm(forms.Form):
    words = forms.CharField(label=_("Your answer"), max_length=1000, widget=forms.Textarea(attrs={"rows": 4}))
    upload = UploadField(label=_("A document"), required=False, help_text=_("PDF, JPEG or PNG, at most 6 MB."))
