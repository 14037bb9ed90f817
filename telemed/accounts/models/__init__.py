"""Who you are: people, clinics, proofs of identity, factors, sessions and changes of an account."""

from telemed.accounts.models.changes import AccountChange
from telemed.accounts.models.clinics import Clinic, Membership, free_cancel_hours, spoken
from telemed.accounts.models.factors import AuthenticatorApp, OneTimeCode
from telemed.accounts.models.identity import IdentityCheck
from telemed.accounts.models.locks import Lock, LockState
from telemed.accounts.models.people import User, UserManager
from telemed.accounts.models.sessions import DeviceSession, SignInTry

__all__ = [
    "AccountChange",
    "AuthenticatorApp",
    "Clinic",
    "DeviceSession",
    "IdentityCheck",
    "Lock",
    "LockState",
    "Membership",
    "OneTimeCode",
    "SignInTry",
    "User",
    "UserManager",
    "free_cancel_hours",
    "spoken",
]
