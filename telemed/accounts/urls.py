from django.urls import path

from telemed.accounts.views import again, changes, contact, entry, factors, passkeys, security, sessions, social

app_name = "accounts"
urlpatterns = [
    path("login/", entry.login, name="login"),
    path("login/code/", entry.code, name="code"),
    path("login/code/again/", entry.resend, name="resend"),
    path("login/passkey/", passkeys.sign_in, name="passkey-sign-in"),
    path("login/passkey/options/", passkeys.options, name="passkey-options"),
    path("login/factor/", factors.factor, name="factor"),
    path("login/factor/enrol/", factors.enrol, name="enrol"),
    path("login/with/", social.leave, name="with"),
    path("login/with/back/", social.back, name="with-back"),
    path("signup/", entry.signup, name="signup"),
    path("signup/confirm/", entry.confirm, name="confirm"),
    path("logout/", entry.logout, name="logout"),
    path("language/", security.language, name="language"),
    path("account/again/", again.again, name="again"),
    path("account/security/", security.security, name="security"),
    path("account/security/codes/", factors.recovery_codes, name="recovery-codes"),
    path("account/passkeys/new/", passkeys.add, name="passkey-new"),
    path("account/passkeys/<int:passkey_id>/", passkeys.passkey, name="passkey"),
    path("account/recovery/", factors.recovery, name="recovery"),
    path("account/authenticator/", factors.authenticator, name="authenticator"),
    path("account/password/", security.password, name="password"),
    path("account/email/", contact.change, {"kind": "email"}, name="email"),
    path("account/mobile/", contact.change, {"kind": "phone"}, name="mobile"),
    path("account/contact/confirm/", contact.confirm, name="contact-confirm"),
    path("account/not-me/<uuid:change_id>/<str:key>/", changes.not_me, name="not-me"),
    path("account/sessions/", sessions.listing, name="sessions"),
    path("account/sessions/others/", sessions.end_others, name="sessions-end-others"),
    path("account/sessions/back/", sessions.back, name="session-back"),
    path("account/sessions/<uuid:session_id>/end/", sessions.end, name="session-end"),
    path("api/session/", sessions.here, name="session"),
    path("account/preferences/", security.preferences, name="preferences"),
]
