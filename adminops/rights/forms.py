"""What is typed to ask, to decide, and to take a role away."""

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from adminops import roles
from adminops.models import Approval
from adminops.rights import factors
from telemed.accounts.forms import AddressField
from telemed.accounts.models import Clinic, User

AT_A_CLINIC = (Approval.Kind.JOIN, Approval.Kind.LEAVE)
LONG = {"rows": 3, "class": "vLargeTextField"}


def _role_choices() -> list[tuple[str, Any]]:
    return [("", "–"), *((role.key, role.name) for role in roles.book().staff)]


class AskForm(forms.Form):
    kind = forms.ChoiceField(
        label=_("What"), choices=[row for row in Approval.Kind.choices if row[0] != Approval.Kind.FACTORS]
    )
    email = forms.EmailField(label=_("Whom, by email"), help_text=_("The address of their account here."))
    role = forms.ChoiceField(label=_("Role"), choices=_role_choices, required=False)
    clinic = forms.ModelChoiceField(Clinic.objects.order_by("created_at"), label=_("Clinic"), required=False)
    reason = forms.CharField(
        label=_("Why"), max_length=300, help_text=_("The second person reads this."), widget=forms.Textarea(LONG)
    )

    def clean_email(self) -> User:
        person = User.objects.filter(email=self.cleaned_data["email"].lower()).first()
        if person is None:
            raise forms.ValidationError(gettext("Nobody here has this address. They sign up first."))
        return person

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("kind") == Approval.Kind.ROLE and not data.get("role"):
            self.add_error("role", gettext("Choose the role."))
        if data.get("kind") in AT_A_CLINIC and not data.get("clinic"):
            self.add_error("clinic", gettext("Choose the clinic."))
        return data

    def facts(self) -> dict[str, Any]:
        """The arguments of approvals.ask."""
        data = self.cleaned_data
        role = data["role"] if data["kind"] == Approval.Kind.ROLE else ""
        clinic = data["clinic"] if data["kind"] in AT_A_CLINIC else None
        facts = {"kind": data["kind"], "person": data["email"], "reason": data["reason"]}
        return facts | {"role": role, "clinic": clinic}


class DecideForm(forms.Form):
    reason = forms.CharField(
        label=_("What you checked, or why not"),
        max_length=300,
        help_text=_("Kept with the decision. Who asked reads it."),
        widget=forms.Textarea(LONG),
    )


class ResetForm(forms.Form):
    address = AddressField(label=_("Whom, by email or mobile number"), help_text=_("Exactly as they sign in."))
    reason = forms.CharField(
        label=_("How you know that it is them, and what they lost"), max_length=300, help_text=_("Kept. Colleagues who look into it later read this."),
        widget=forms.Textarea(LONG),
    )  # fmt: skip

    def __init__(self, *args: Any, by: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by = by
        self.fields["address"].widget.attrs["autocomplete"] = "off"

    def clean_address(self) -> User:
        person = factors.found(self.cleaned_data["address"], self.by)
        if person is None:
            raise forms.ValidationError(gettext("Nobody here has this address. Ask the person how they sign in."))
        return person


class EndForm(forms.Form):
    person = forms.ModelChoiceField(User.objects.filter(is_staff=True))
    role = forms.ChoiceField(choices=_role_choices)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        person = data.get("person")
        if person is None or not person.groups.filter(name=data.get("role")).exists():
            raise forms.ValidationError(gettext("This person does not hold this role any more."))
        return data
