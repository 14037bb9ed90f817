from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "telemed.accounts"
    label = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        from telemed.accounts import clinics, subscribers  # noqa: F401 -- registers them
        from telemed.core import links

        links.home_is(lambda: clinics.the_clinic().url)
