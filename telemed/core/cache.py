"""Cache values are JSON: a pickle in Redis would run code for whoever can write there."""

import json
from typing import Any


class JSONSerializer:
    def dumps(self, value: Any) -> bytes | int:
        # Redis counts whole numbers itself, so they stay as they are.
        return value if type(value) is int else json.dumps(value).encode()

    def loads(self, data: bytes) -> Any:
        return json.loads(data)
