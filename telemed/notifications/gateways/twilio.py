"""Text messages through Twilio's REST API (Messages resource, 2010-04-01)."""

from urllib.parse import urlsplit

from django.conf import settings
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from telemed.core import links
from telemed.notifications.gateways import TransportError
from telemed.notifications.models import Message

# https://www.twilio.com/docs/api/errors: invalid, unreachable, landline or opted-out numbers stay so.
PERMANENT = frozenset({21211, 21214, 21217, 21408, 21610, 21612, 21614})


class OtherHost(TwilioHttpClient):
    """Sends to TWILIO_BASE_URL instead of Twilio's hosts (a regional edge, or a test server)."""

    def request(self, method: str, uri: str, *args: object, **kwargs: object) -> Response:
        path = urlsplit(uri).path
        return super().request(method, settings.TWILIO["base_url"] + path, *args, **kwargs)


class Twilio:
    def __init__(self) -> None:
        http = OtherHost(timeout=10) if settings.TWILIO["base_url"] else TwilioHttpClient(timeout=10)
        self.client = Client(settings.TWILIO["account_sid"], settings.TWILIO["auth_token"], http_client=http)

    def send(self, message: Message) -> str:
        words = f"{message.body} {links.absolute(message.link)}" if message.link else message.body
        try:
            sent = self.client.messages.create(to=message.address, from_=settings.TWILIO["sender"], body=words)
        except TwilioRestException as error:
            raise TransportError(f"Twilio {error.code}", permanent=error.code in PERMANENT) from error
        except (TwilioException, OSError) as error:
            raise TransportError(f"Twilio did not answer: {type(error).__name__}") from error
        return str(sent.sid)
