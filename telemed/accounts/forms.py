"""Forms of the way in, and of the account's own settings."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext_lazy as _

from telemed.accounts import addresses
from telemed.accounts.clinics import the_clinic
from telemed.accounts.models import User
from telemed.core import clock, speech


class AddressField(forms.CharField):
    """An email address or a mobile number in one box; a number without a country code is of the clinic's country."""

    def __init__(self, **options: Any) -> None:
        widget = forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"})
        super().__init__(max_length=254, widget=widget, **{"label": _("Email or mobile number"), **options})

    def clean(self, value: Any) -> str:
        return addresses.normal(super().clean(value), the_clinic().country)


class SignInForm(forms.Form):
    address = AddressField()
    address.widget.attrs["autocomplete"] = "username webauthn"  # the browser lists passkeys there
    password = forms.CharField(
        label=_("Password"),
        required=False,
        strip=False,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class SignUpForm(forms.Form):
    address = AddressField(help_text=_("We send a code there to make sure it is yours."))
    password = forms.CharField(
        label=_("Password"),
        required=False,
        strip=False,
        max_length=200,
        help_text=_("10 characters or more. Leave it empty to sign in with a code each time."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if password:
            address = self.cleaned_data.get("address", "")
            validate_password(password, User(email=address if addresses.is_email(address) else None))
        return password


def code_box() -> forms.TextInput:
    return forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "data-code": ""})


class CodeForm(forms.Form):
    code = forms.CharField(label=_("Code"), max_length=12, widget=code_box())


class ContactForm(forms.Form):
    """The new email address or mobile number."""

    address = forms.CharField(max_length=254)

    def __init__(self, *args: Any, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = kind
        field = self.fields["address"]
        field.label = _("New email address") if kind == "email" else _("New mobile number")
        field.widget.attrs.update(
            {"autocomplete": "email", "inputmode": "email", "autocapitalize": "none", "spellcheck": "false"}
            if kind == "email"
            else {"autocomplete": "tel", "inputmode": "tel"}
        )

    def clean_address(self) -> str:
        typed: str = self.cleaned_data["address"]
        if self.kind == "phone":
            return addresses.mobile(typed, the_clinic().country)
        if "@" not in typed:
            raise forms.ValidationError(_("This email address is not complete. It looks like name@example.com."))
        return addresses.normal(typed, the_clinic().country)


class TwoCodesForm(forms.Form):
    """The code from the new address and the one from the old, but for those that are ``proved``."""

    new_code = forms.CharField(label=_("Code from the new address"), max_length=12, widget=code_box())
    old_code = forms.CharField(label=_("Code from the old address"), max_length=12, widget=code_box())

    def __init__(self, *args: Any, proved: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for part in proved:
            del self.fields[f"{part}_code"]

    def typed(self) -> dict[str, str]:
        return {name.removesuffix("_code"): value for name, value in self.cleaned_data.items()}


class FactorForm(forms.Form):
    token = forms.CharField(
        label=_("Code from your authenticator app, or a recovery code"),
        max_length=16,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "autocapitalize": "none"}),
    )


class AppForm(FactorForm):
    """The first code of an app that is being set up."""

    token = forms.CharField(label=_("6 digits from the app"), max_length=16, widget=code_box())


class PasskeyForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=64, help_text=_("So that you recognise it, like “My phone”."))


class OwnPasswordForm(forms.Form):
    """The password of whoever is signed in, once more."""

    password = forms.CharField(
        label=_("Your password"),
        strip=False,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if not self.user.check_password(password):
            raise forms.ValidationError(_("That is not your password. Try again."))
        return password


class PasswordForm(forms.Form):
    password = forms.CharField(
        label=_("New password"),
        strip=False,
        max_length=200,
        help_text=_("10 characters or more. A sentence that only you know is easy to remember."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password, self.user)
        return password


class PreferencesForm(forms.Form):
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    time_zone = forms.ChoiceField(label=_("Time zone"), choices=())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["time_zone"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = zone_choices()


def zone_choices() -> list[tuple[str, str]]:
    """Every zone that is a place, as 'Cairo – Africa'."""
    places = (
        name for name in clock.ZONES if "/" in name and not name.startswith(("Etc/", "SystemV/", "US/", "posix/"))
    )
    pairs = ((name, name.replace("_", " ").split("/", 1)) for name in places)
    return sorted(((name, f"{city} – {area}") for name, (area, city) in pairs), key=lambda choice: choice[1])


def country_choices() -> list[tuple[str, str]]:
    """ISO 3166 countries in the reader's language and order."""
    territories = speech.locale().territories
    countries = (
        (code, str(name))
        for code, name in territories.items()
        if len(code) == 2 and code.isalpha() and code not in {"EU", "EZ", "UN", "ZZ", "XA", "XB", "QO"}
    )
    return sorted(countries, key=lambda country: country[1])
