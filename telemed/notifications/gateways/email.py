"""Email over SMTP."""

import smtplib

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import translation

from telemed.core import links
from telemed.notifications.gateways import TransportError
from telemed.notifications.models import Message


class Email:
    def send(self, message: Message) -> str:
        # The same row always has the same Message-ID, so that a mail sent twice can be recognised as one.
        message_id = f"<{message.pk}@{settings.PUBLIC_URL.split('://')[1].split(':')[0]}>"
        mail = EmailMultiAlternatives(
            message.subject,
            text(message),
            settings.DEFAULT_FROM_EMAIL,
            [message.address],
            headers={"Message-ID": message_id},
        )
        mail.attach_alternative(html(message), "text/html")
        for part in message.attachments or []:
            mail.attach(part["name"], part["content"], part["type"])
        try:
            mail.send()
        except smtplib.SMTPRecipientsRefused as error:
            refused = all(code >= 550 for code, _ in error.recipients.values())
            raise TransportError("the mail server refused the address", permanent=refused) from error
        except (smtplib.SMTPException, OSError) as error:
            raise TransportError(f"the mail server did not take it: {type(error).__name__}") from error
        return message_id


def text(message: Message) -> str:
    link = f"\n\n{links.absolute(message.link)}" if message.link else ""
    return f"{message.body}{link}\n"


def html(message: Message) -> str:
    with translation.override(message.language):
        return render_to_string(
            "emails/message.html",
            {"message": message, "url": links.absolute(message.link) if message.link else ""},
        )
