"""Money is a whole number of the smallest unit of a currency (ISO 4217), never a float."""

from dataclasses import dataclass
from decimal import Decimal

from babel.numbers import format_currency, get_currency_precision

from telemed.core import speech


class MixedCurrencies(ValueError):
    """Amounts of two currencies cannot be added."""


@dataclass(frozen=True, order=False)
class Money:
    """``minor`` units of ``currency``: Money(4800, "GBP") is £48.00, Money(500, "JPY") is ¥500."""

    minor: int
    currency: str

    def __add__(self, other: "Money") -> "Money":
        if other.currency != self.currency:
            raise MixedCurrencies(f"{self.currency} and {other.currency}")
        return Money(self.minor + other.minor, self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.minor, self.currency)

    def __bool__(self) -> bool:
        return self.minor != 0

    @property
    def major(self) -> Decimal:
        return Decimal(self.minor).scaleb(-get_currency_precision(self.currency))

    def spoken(self, language: str | None = None) -> str:
        """'£48.00' as people of ``language`` write it."""
        return format_currency(self.major, self.currency, locale=speech.locale(language))

    def __str__(self) -> str:
        return self.spoken()


def from_major(amount: Decimal, currency: str) -> Money:
    """What a person typed ('48', '48.50'). Raises ValueError when it is finer than the currency."""
    minor = amount.scaleb(get_currency_precision(currency))
    if minor != minor.to_integral_value():
        raise ValueError(f"{currency} has no smaller unit than {get_currency_precision(currency)} decimals")
    return Money(int(minor), currency)
