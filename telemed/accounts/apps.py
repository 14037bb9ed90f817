from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "telemed.accounts"
    label = "accounts"
    verbose_name = "Accounts"
