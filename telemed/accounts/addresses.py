"""Email addresses and mobile numbers as people type them, and as we keep them."""

import phonenumbers
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext_lazy as _

from telemed.core.masking import address as masked

__all__ = ["as_kept", "is_email", "masked", "mobile", "normal"]
UNCLEAR = _("Enter an email address like name@example.com, or a mobile number like {example}.")


def normal(typed: str, country: str) -> str:
    """A lower-case email address or an E.164 number; numbers without a country code are read as of ``country``.

    Raises ValidationError with a sentence that says what to type.
    """
    value = typed.strip()
    if "@" in value:
        try:
            validate_email(value)
        except ValidationError as error:
            raise ValidationError(_("This email address is not complete. It looks like name@example.com.")) from error
        return value.lower()
    return mobile(value, country)


def mobile(typed: str, country: str) -> str:
    """An E.164 number. Raises ValidationError."""
    example = phonenumbers.example_number_for_type(country, phonenumbers.PhoneNumberType.MOBILE)
    shown = (
        phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
        if example
        else "+44 7400 123456"
    )
    try:
        number = phonenumbers.parse(typed, country)
    except phonenumbers.NumberParseException as error:
        raise ValidationError(str(UNCLEAR).format(example=shown)) from error
    if not phonenumbers.is_valid_number(number):
        raise ValidationError(
            str(
                _("This number does not exist. Check the digits, or type it with the country code, like {example}.")
            ).format(example=shown)
        )
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def as_kept(typed: str, country: str) -> str:
    """What to look for when somebody typed this into a search: an address as we keep it, or what they typed."""
    try:
        return normal(typed, country)
    except ValidationError:
        return typed


def is_email(address: str) -> bool:
    return "@" in address
