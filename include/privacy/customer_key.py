"""What becomes of a customer's id: a key that joins records of one customer, and cannot be turned back."""

import hmac
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

log = logging.getLogger(__name__)

SETTING = "NIGHTSHIFT_CUSTOMER_KEY_SECRET"
KEY_BYTES = 16


@dataclass
class CustomerKeys:
    """Makes customer keys: the first 16 bytes of HMAC-SHA256 (RFC 2104) of the id, in hexadecimal digits.

    The key is a secret's because the ids of a source can all be tried: a bare hash would give them away. With one
    secret the same id has the same key in all pipelines, so their records join.

    Args:
        secret: of the deployment; without one there are no keys, and the ids are left out all the same.
    """

    secret: bytes
    _has_warned: bool = False

    @classmethod
    def of_environ(cls, environ: Mapping[str, str]) -> "CustomerKeys":
        """With the secret of `NIGHTSHIFT_CUSTOMER_KEY_SECRET`."""
        return cls(environ.get(SETTING, "").encode())

    def of(self, ids: Iterable[Any]) -> str | None:
        """The key of the first id that there is; None without one, and without a secret, which is said once.

        Args:
            ids: of the record's columns, text or numbers.
        """
        given = next(filter(None, map(_as_text, ids)), None)
        if given is None:
            return None
        if not self.secret:
            if not self._has_warned:
                log.warning(
                    "The records have customer ids, which are not kept. Set %s to a long random text to get a "
                    "customer_key by which records of one customer can be joined.",
                    SETTING,
                )
                self._has_warned = True
            return None
        return hmac.digest(self.secret, given.encode("utf-8", "surrogatepass"), "sha256")[:KEY_BYTES].hex()


def _as_text(value: Any) -> str:
    """An id as it is written; empty for what is none. Number columns with gaps come as floats."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
