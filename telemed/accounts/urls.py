from django.urls import path

from telemed.accounts.views import again, entry, security

app_name = "accounts"
urlpatterns = [
    path("login/", entry.login, name="login"),
    path("login/code/", entry.code, name="code"),
    path("login/code/again/", entry.resend, name="resend"),
    path("login/factor/", security.factor, name="factor"),
    path("login/factor/enrol/", security.enrol, name="enrol"),
    path("signup/", entry.signup, name="signup"),
    path("signup/confirm/", entry.confirm, name="confirm"),
    path("logout/", entry.logout, name="logout"),
    path("language/", security.language, name="language"),
    path("account/again/", again.again, name="again"),
    path("account/security/", security.security, name="security"),
    path("account/security/codes/", security.recovery_codes, name="recovery-codes"),
    path("account/password/", security.password, name="password"),
    path("account/preferences/", security.preferences, name="preferences"),
]
