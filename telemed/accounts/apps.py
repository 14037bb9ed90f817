from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "telemed.accounts"
    label = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        # They register who is told, and who looks at each line of the access log.
        from telemed.accounts import clinics, subscribers  # noqa: F401
        from telemed.accounts.actions import misuse  # noqa: F401
        from telemed.core import links

        links.home_is(lambda: clinics.the_clinic().url)
