"""The card form of the demo payment company."""

from typing import ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from billing.gateways.demo import CARDS

REPORTS = (
    ("", _("Report it once, at once")),
    ("late", _("Report it 20 seconds late")),
    ("twice", _("Report it twice")),
    ("disordered", _("Report an old failure after it")),
    ("lost", _("Never report it")),
    ("too_late", _("Let the money arrive after the held time is over")),
)


class CardForm(forms.Form):
    """Any date and any code will do; what happens follows from the number."""

    card = forms.CharField(label=_("Card number"), max_length=23)
    expiry = forms.CharField(label=_("Valid until (month/year)"), max_length=7)
    code = forms.CharField(label=_("Security code"), max_length=4)
    report = forms.ChoiceField(label=_("How we tell the clinic"), choices=REPORTS, required=False)

    CONTROLS: ClassVar[dict[str, dict[str, str]]] = {
        "card": {"inputmode": "numeric", "autocomplete": "cc-number"},
        "expiry": {"inputmode": "numeric", "autocomplete": "cc-exp", "placeholder": "12/30"},
        "code": {"inputmode": "numeric", "autocomplete": "cc-csc", "placeholder": "123"},
    }

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        for name, attributes in self.CONTROLS.items():
            self.fields[name].widget.attrs.update(attributes)

    def clean_card(self) -> str:
        number = "".join(character for character in self.cleaned_data["card"] if character.isdigit())
        if number not in CARDS:
            raise forms.ValidationError(
                _("This is not a test card. Real cards are not taken here. Use one of those below.")
            )
        return number
