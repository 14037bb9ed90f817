"""``aws-kms://<region>/<key id, alias/name or ARN>``: a symmetric key of AWS KMS, which never leaves it. The subject goes
along as encryption context, so CloudTrail shows whose key was opened. Credentials and endpoints are those that boto3 finds
(the role of the machine, AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL_KMS …).

The role needs ``kms:Encrypt`` and ``kms:Decrypt`` on the key, and nothing else.
"""

from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from telemed.core.kms.base import Unavailable, WrongKey

REFUSED = {"InvalidCiphertextException", "IncorrectKeyException"}


class AwsKms:
    def __init__(self, url: str, *, tenant: str) -> None:
        parts = urlsplit(url)
        self.region, self.key, self.tenant = str(parts.hostname), parts.path.strip("/"), tenant
        self.client = _client(self.region)

    def wrap(self, key: bytes, context: str) -> tuple[str, bytes]:
        answer = self._ask("encrypt", KeyId=self.key, Plaintext=key, EncryptionContext=self._bound(context))
        return str(answer["KeyId"]), bytes(answer["CiphertextBlob"])

    def unwrap(self, name: str, wrapped: bytes, context: str) -> bytes:
        answer = self._ask("decrypt", KeyId=name, CiphertextBlob=wrapped, EncryptionContext=self._bound(context))
        return bytes(answer["Plaintext"])

    def knows(self, name: str) -> bool:
        """KMS names its keys by ARN: arn:aws:kms:<region>:<account>:key/<id>."""
        return name.split(":")[2:4] == ["kms", self.region]

    def _bound(self, context: str) -> dict[str, str]:
        return {"tenant": self.tenant, "subject": context}

    def _ask(self, verb: str, **said: Any) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: dict[str, Any] = getattr(self.client, verb)(**said)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in REFUSED:
                raise WrongKey(f"KMS does not open the data key of {said['EncryptionContext']['subject']}") from error
            raise Unavailable(f"KMS in {self.region} refused to {verb} with {self.key} ({code})") from error
        except BotoCoreError as error:
            raise Unavailable(f"KMS in {self.region} does not answer ({type(error).__name__})") from error
        return answer


def _client(region: str) -> Any:
    try:
        import boto3
        from botocore.config import Config
    except ImportError as error:
        sentence = "KMS_URL=aws-kms://… needs boto3: install deploy/requirements-aws.txt."
        raise ImproperlyConfigured(sentence) from error
    patience = Config(connect_timeout=3, read_timeout=5, retries={"mode": "standard", "max_attempts": 3})
    return boto3.client("kms", region_name=region, config=patience)
