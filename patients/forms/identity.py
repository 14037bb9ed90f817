"""Pictures that prove who a patient is."""

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from telemed.accounts.data import KEEP_PICTURES
from telemed.core.uploads import UploadField


class IdentityForm(forms.Form):
    document = UploadField(
        label=_("Photo of your document"), pictures=True, camera="environment",
        help_text=_("The side with your picture, of a passport, identity card or driving licence. All four corners, no flash on it."),
    )  # fmt: skip
    selfie = UploadField(
        label=_("Photo of your face"),
        pictures=True,
        camera="user",
        help_text=_("In good light, without hat or sunglasses."),
    )
    agreed = forms.BooleanField(label="")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["agreed"].label = gettext(
            "I agree that a member of staff compares these pictures with my name and date of birth. They are encrypted, "
            "and deleted %(days)d days after the decision."
        ) % {"days": KEEP_PICTURES.value.days}  # fmt: skip
        self.fields["agreed"].error_messages["required"] = gettext(
            "Tick the box if you agree; without it we may not look at pictures of you."
        )
