"""Why a doctor needs a record now."""

from django import forms
from django.utils.translation import gettext_lazy as _

from patients.data import emergency as rules
from patients.forms.profile import BirthDateField


class EmergencyForm(forms.Form):
    """Whose record, and why now. Both the number and the birth date must be right."""

    number = forms.CharField(
        label=_("Record number"), max_length=20, help_text=_("Nine digits, for example 204 118 530"),
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )  # fmt: skip
    birth_date = BirthDateField(label=_("Date of birth"), help_text=_("For example 27 3 1985"))
    why = forms.ChoiceField(label=_("Why"), choices=rules.REASONS.items, widget=forms.RadioSelect)
    reason = forms.CharField(
        label=_("What happened, and what do you need to know?"), min_length=rules.LEAST, max_length=1000,
        help_text=_("At least 20 characters. The patient's clinic reads this within three days."),
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"min_length": _("Say a little more: at least 20 characters.")},
    )  # fmt: skip
    sensitive = forms.BooleanField(
        label=_("I also need what is marked as sensitive, like mental health or HIV"), required=False
    )
