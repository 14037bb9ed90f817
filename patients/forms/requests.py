"""What a patient writes when they use a right over their data."""

from django import forms
from django.utils.translation import gettext_lazy as _

MOST = 4000  # characters


class AskForm(forms.Form):
    words = forms.CharField(
        label=_("In your words"), max_length=MOST, widget=forms.Textarea({"rows": 5}),
        error_messages={"required": _("Write what you want, in a sentence or two.")},
    )  # fmt: skip


class SayForm(forms.Form):
    words = forms.CharField(
        label=_("Add something"), max_length=MOST, widget=forms.Textarea({"rows": 3}),
        error_messages={"required": _("Write something first.")},
    )  # fmt: skip


class DisagreeForm(forms.Form):
    words = forms.CharField(
        label=_("Your statement"), max_length=MOST, widget=forms.Textarea({"rows": 4}),
        help_text=_("It stays with your record, and goes along whenever we pass on what it is about."),
        error_messages={"required": _("Write your statement first.")},
    )  # fmt: skip
