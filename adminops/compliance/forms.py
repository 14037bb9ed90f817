"""What is typed to review an emergency access, and to answer a request about data."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from patients.models import EmergencyAccess, PrivacyRequest


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


LONG = {"rows": 4, "class": "vLargeTextField"}


class AnswerForm(forms.Form):
    words = forms.CharField(
        label=_("Your answer"), max_length=4000, help_text=_("The patient reads this. Say what was done, or why not."),
        widget=forms.Textarea(LONG),
    )  # fmt: skip
    addendum = forms.CharField(
        label=_("What shall stand beside the original"), max_length=4000, required=False, widget=forms.Textarea(LONG),
        help_text=_("Only if you correct it. The original stays as it was written."),
    )  # fmt: skip

    def __init__(self, *args: Any, row: PrivacyRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if row.kind != PrivacyRequest.Kind.AMENDMENT:
            del self.fields["addendum"]


class ExtendForm(forms.Form):
    reason = forms.CharField(
        label=_("Why it takes longer"), max_length=1000, help_text=_("The patient reads this."),
        widget=forms.Textarea({**LONG, "rows": 2}),
    )  # fmt: skip


class WriteForm(forms.Form):
    words = forms.CharField(label=_("Message"), max_length=4000, widget=forms.Textarea({**LONG, "rows": 2}))


class HoldForm(forms.Form):
    reason = forms.CharField(
        label=_("Why nothing may be deleted"), max_length=300, widget=forms.Textarea({**LONG, "rows": 2}),
        help_text=_("The court, the authority or the claim, and its number."),
    )  # fmt: skip
