"""What is typed to review an emergency access, to answer a request about data, and to write down a disclosure."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from patients.data.disclosures import KINDS
from patients.models import Consent, EmergencyAccess, Patient, PrivacyRequest


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


class FindForm(forms.Form):
    number = forms.CharField(
        label=_("Record number"), max_length=12, help_text=_("As it stands on the patient's pages, like 123 456 789.")
    )


class DisclosureForm(forms.Form):
    kind = forms.ChoiceField(label=_("Way"), choices=[(kind.code, kind.words) for kind in KINDS])
    day = forms.DateField(label=_("Given on"), widget=forms.DateInput({"type": "date"}))
    recipient = forms.CharField(
        label=_("Given to"), max_length=200, help_text=_("The authority or firm, and the person there.")
    )
    address = forms.CharField(label=_("Their address"), max_length=400, widget=forms.Textarea({**LONG, "rows": 2}))
    what = forms.CharField(
        label=_("What was given"), max_length=1000, widget=forms.Textarea({**LONG, "rows": 2}),
        help_text=_("The patient reads this. Name the papers; do not copy what they say."),
    )  # fmt: skip
    why = forms.CharField(
        label=_("Why"), max_length=1000, widget=forms.Textarea({**LONG, "rows": 2}),
        help_text=_("The law, the order and its number, or what the patient agreed to."),
    )  # fmt: skip
    authorization = forms.ModelChoiceField(
        label=_("Agreement of the patient"), queryset=Consent.objects.none(), required=False,
        help_text=_("Only for what the patient agreed to in writing."),
    )  # fmt: skip

    def __init__(self, *args: Any, patient: Patient, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = self.fields["authorization"]
        assert isinstance(chosen, forms.ModelChoiceField)
        standing = Consent.objects.filter(patient=patient, withdrawn_at=None).select_related("text")
        chosen.queryset = standing.order_by("given_at")
