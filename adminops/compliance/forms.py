"""What is typed to review an emergency access."""

from django import forms
from django.utils.translation import gettext_lazy as _

from patients.models import EmergencyAccess


class ReviewForm(forms.Form):
    outcome = forms.ChoiceField(
        label=_("Opening this record"), choices=EmergencyAccess.Outcome, widget=forms.RadioSelect
    )
    decision = forms.CharField(
        label=_("What you checked"),
        max_length=1000,
        help_text=_("Whom you asked, and what the doctor needed the record for."),
        widget=forms.Textarea({"rows": 4, "class": "vLargeTextField"}),
    )
