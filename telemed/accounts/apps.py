from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "telemed.accounts"
    label = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        from telemed.accounts import subscribers  # noqa: F401 -- registers them
