"""Forms of finding a doctor, booking, calling a visit off, and of what the doctor writes."""

import re
import unicodedata
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from consultations.wording import FREQUENCIES, ROUTES
from doctors.models import Specialty
from patients.models import ConsentText, Patient
from telemed.accounts.models import User

# What must not wait for a video visit. Source: NHS, "When to call 999" (read as of 2026-11-01); WHO, suicide prevention.
WARNING_SIGNS = (
    ("chest", _("Pain or pressure in the chest")),
    ("breath", _("Great trouble breathing")),
    ("stroke", _("One side of the face hangs, an arm is weak, speech is slurred")),
    ("bleeding", _("Heavy bleeding that does not stop")),
    ("self_harm", _("Thoughts of ending my life, or of hurting myself")),
)


class SearchForm(forms.Form):
    """Find a doctor. A GET form: the address of the page is the search, to keep or to share."""

    WHEN = (("", _("Any day")), ("today", _("Today")), ("3", _("Within 3 days")), ("7", _("Within a week")))
    PRICE = (("", _("Any price")), ("0", _("Free")), ("3000", _("Up to 30")), ("5000", _("Up to 50")))
    SORT = (("soonest", _("Soonest")), ("price", _("Lowest price")))

    q = forms.CharField(label=_("Specialty, name or what it is about"), required=False, max_length=80)
    lang = forms.CharField(label=_("Language"), required=False, max_length=8)
    type = forms.ChoiceField(
        label=_("Specialty"), required=False, choices=[("", _("All specialties")), *Specialty.choices]
    )
    when = forms.ChoiceField(label=_("When"), required=False, choices=WHEN)
    price = forms.ChoiceField(label=_("Price"), required=False, choices=PRICE)
    sort = forms.ChoiceField(label=_("Order"), required=False, choices=SORT)

    def wanted(self) -> dict[str, Any]:
        """The parts of the search that make sense; a mistyped address searches for less instead of failing."""
        self.is_valid()
        return {name: self.cleaned_data.get(name, "") for name in self.fields}


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=_("What would you like to talk about?"),
        help_text=_("A few words are enough: what is wrong, and since when. Only your doctor reads this."),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    signs = forms.MultipleChoiceField(
        label=_("Do you have any of these now?"),
        help_text=_("Leave them empty if you have none."),
        required=False,
        choices=WARNING_SIGNS,
        widget=forms.CheckboxSelectMultiple,
    )


class WhoForm(forms.Form):
    """Whom the visit is for: the reader, or somebody whom they may book for."""

    patient = forms.ChoiceField(label=_("The visit is for"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, people: list[Patient], user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.people = {str(row.pk): row for row in people}
        field = self.fields["patient"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [
            (key, gettext("Me") if row.user_id == user.pk else row.name) for key, row in self.people.items()
        ]

    def chosen(self) -> Patient:
        return self.people[self.cleaned_data["patient"]]


class ShareForm(forms.Form):
    share = forms.TypedChoiceField(
        label=_("What may the doctor see?"),
        coerce=lambda value: value == "record",
        choices=[
            ("record", _("My whole health record here: earlier visits, notes and prescriptions too")),
            ("visit", _("Only what this visit needs: who I am, my allergies and illnesses")),
        ],
        widget=forms.RadioSelect,
        initial="record",
    )
    consent = forms.BooleanField(
        label=_("I have read how video visits work here and I agree"),
        error_messages={"required": _("Tick the box to go on. Without your agreement we may not hold a video visit.")},
    )
    hide = forms.BooleanField(
        label=_("Only I can see this visit"), required=False,
        help_text=_("People who may act for you see nothing of it: no visit, no message, no prescription, no payment."),
    )  # fmt: skip

    text = forms.ModelChoiceField(
        ConsentText.objects.none(), required=False, widget=forms.HiddenInput,
        error_messages={"invalid_choice": _("These words have changed. Read them again, then tick the box.")},
    )  # fmt: skip

    def __init__(self, *args: Any, hideable: bool, texts: QuerySet[ConsentText], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["text"].queryset = texts  # type: ignore[attr-defined]
        self.fields["hide"].quiet = True  # type: ignore[attr-defined]
        if not hideable:
            del self.fields["hide"]


class NoteForm(forms.Form):
    """The doctor's note. Nothing is required while it is written."""

    complaint = forms.CharField(label=_("Complaint"), required=False, max_length=20_000, widget=forms.Textarea)
    findings = forms.CharField(label=_("Findings"), required=False, max_length=20_000, widget=forms.Textarea)
    plan = forms.CharField(label=_("Plan"), required=False, max_length=20_000, widget=forms.Textarea)
    revision = forms.IntegerField(widget=forms.HiddenInput, min_value=0)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.quiet = True  # type: ignore[attr-defined]  # "optional" beside every part would say nothing


class AmountField(forms.CharField):
    """A number as people type it ("0,5", ".5", "½"), kept as plain decimal text ("0.5"); empty stays empty."""

    default_error_messages = {
        "invalid": _("Write a number, like 1 or 0.5."),
        "range": _("Write a number between 0.001 and 99999."),
        "thousands": _("Write thousands without a comma: 1000. For a decimal write a point: 1.5."),
    }
    HALVES = str.maketrans({"½": ".5", "¼": ".25", "¾": ".75", "٫": "."})

    def __init__(self, **options: Any) -> None:
        widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
        super().__init__(required=False, max_length=12, widget=widget, **options)

    def clean(self, value: Any) -> str:
        typed = super().clean(value).translate(self.HALVES).replace(" ", "")
        if not typed:
            return ""
        if re.match(r"^[1-9]\d*,\d{3}$", typed):
            raise ValidationError(self.error_messages["thousands"], "thousands")
        digits = "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in typed).replace(
            ",", "."
        )
        if not re.match(r"^\d*\.?\d*$", digits) or digits == ".":
            raise ValidationError(self.error_messages["invalid"], "invalid")
        number = Decimal(digits).normalize()
        if not Decimal("0.001") <= number <= 99999 or int(number.as_tuple().exponent) < -3:
            raise ValidationError(self.error_messages["range"], "range")
        return f"{number:f}"


class DoseForm(forms.Form):
    """One line of a prescription. A draft may be unfinished; what is written must make sense."""

    amount = AmountField(label=_("Dose"))
    route = forms.ChoiceField(label=_("How"), required=False)
    frequency = forms.ChoiceField(
        label=_("How often"), required=False, choices=[("", _("Choose"))] + [(key, row.words) for key, row in FREQUENCIES.items()]
    )  # fmt: skip
    days = forms.IntegerField(
        label=_("For how many days"), required=False, min_value=1, max_value=366, widget=forms.TextInput(attrs={"inputmode": "numeric"})
    )  # fmt: skip
    as_needed = forms.BooleanField(label=_("Only if needed"), required=False)
    reason = forms.CharField(label=_("If needed for"), required=False, max_length=80)
    most = AmountField(label=_("Most in 24 hours"))
    quantity = AmountField(label=_("Supply"))
    note = forms.CharField(label=_("Note for this medicine"), required=False, max_length=200)
    because = forms.CharField(label=_("Why this medicine is right all the same"), required=False, max_length=200)

    def __init__(self, *args: Any, routes: tuple[str, ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["route"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(key, ROUTES[key]) for key in routes]

    def clean_days(self) -> str:
        return str(self.cleaned_data["days"] or "")


class CallOffForm(forms.Form):
    """Why a visit is called off. Whoever works here owes the patient a reason; a patient may keep theirs."""

    reason = forms.CharField(
        label=_("Reason"), max_length=300, required=False, widget=forms.Textarea(attrs={"rows": 2, "class": "input"})
    )

    def __init__(self, *args: Any, at_work: bool, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["reason"].required = at_work
        self.fields["reason"].help_text = (
            gettext("The patient reads this on the page of the visit.")
            if at_work
            else gettext("You need not say. The doctor reads this on the page of the visit.")
        )


class CancelForm(forms.Form):
    reason = forms.CharField(label=_("Why is it cancelled?"), max_length=300, help_text=_("The patient reads this."))


class CheckForm(forms.Form):
    """What a pharmacy types from the paper, and the file if there is one."""

    LARGEST = 5 * 1024 * 1024

    code = forms.CharField(
        label=_("Code"), max_length=40, help_text=_("16 letters and digits beside the square code on the paper."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}),
    )  # fmt: skip
    paper = forms.FileField(
        label=_("The PDF, to see whether it is unchanged"), required=False, widget=forms.FileInput(attrs={"accept": "application/pdf"})
    )  # fmt: skip

    def clean_paper(self) -> Any:
        file = self.cleaned_data["paper"]
        if file and file.size > self.LARGEST:
            raise ValidationError(_("This file is larger than 5 MB, so it is not one of our prescriptions."))
        return file


class MessageForm(forms.Form):
    """A message of the conversation. ``client_id`` is made with the page, so that sending twice writes once."""

    text = forms.CharField(
        label=_("Message"),
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={
            "required": _("Write something first."),
            "max_length": _("This is too long. Send it in parts."),
        },
    )
    client_id = forms.RegexField(r"^[\w-]{1,40}\Z", widget=forms.HiddenInput)
