"""Forms of the back office that are more than the fields of a table."""

from io import BytesIO
from typing import Any

from django import forms
from django.conf import settings
from django.core.validators import validate_slug
from django.utils.translation import gettext_lazy as _
from PIL import Image, UnidentifiedImageError

from telemed.accounts.models import Clinic

LARGEST = 512 * 1024  # bytes of a logo as it comes
SIDE = 96  # pixels of a logo as we keep it: twice what pages show, for sharp screens
MOST_PIXELS = 4000 * 4000
UNREADABLE = _("This is not a picture that we can read. Use a PNG or JPEG file of at most 512 KB.")


class ClinicForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic when it runs
    upload = forms.FileField(
        label=_("Logo"), required=False, help_text=_("PNG or JPEG, square, at most 512 KB. It stands left of the name.")
    )
    languages = forms.MultipleChoiceField(
        label=_("Languages"), choices=lambda: settings.LANGUAGES, widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = Clinic
        fields = (
            "name", "host", "upload", "accent", "languages", "country", "time_zone", "currency", "emergency_number", "phone",
            "email", "address", "free_cancel_hours",
        )  # fmt: skip

    def clean_host(self) -> str | None:
        """A bare name in small letters, or none."""
        host = (self.cleaned_data.get("host") or "").strip().lower()
        if not host:
            return None
        try:
            for part in host.split("."):
                validate_slug(part)
        except forms.ValidationError as error:
            raise forms.ValidationError(_("Write only the name, like heart.clinic.example.")) from error
        return host

    def clean_upload(self) -> bytes | None:
        """The picture, drawn again by us, so that nothing else that was in the file is kept."""
        file = self.cleaned_data.get("upload")
        if not file:
            return None
        if file.size > LARGEST:
            raise forms.ValidationError(UNREADABLE)
        try:
            picture = Image.open(file, formats=("PNG", "JPEG"))
            if picture.width * picture.height > MOST_PIXELS:
                raise forms.ValidationError(UNREADABLE)
            picture.thumbnail((SIDE, SIDE))
            drawn = BytesIO()
            picture.convert("RGBA").save(drawn, "PNG")
        except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
            raise forms.ValidationError(UNREADABLE) from error
        return drawn.getvalue()

    def save(self, commit: bool = True) -> Any:
        if self.cleaned_data.get("upload"):
            self.instance.logo = self.cleaned_data["upload"]
        return super().save(commit)
