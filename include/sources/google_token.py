"""Access tokens of Google's APIs, for a service account or for the machine's own identity."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import google.auth
import google.auth.exceptions
import google.auth.transport.requests
import requests
from google.oauth2 import service_account

from include.errors import ConfigurationError, RetryLater

SETTING = "GOOGLE_PLAY_SERVICE_ACCOUNT_FILE"


def _transport() -> google.auth.transport.requests.Request:
    session = requests.Session()
    session.trust_env = False
    return google.auth.transport.requests.Request(session)


def google_credentials(key: str | Mapping[str, Any] | None, scope: str, setting: str) -> Any:
    """Credentials that make a token when they are asked for one.

    Args:
        key: path or content of the JSON key of a service account; None: the identity that Google's libraries find on
            the machine.
        scope: what the token is good for.
        setting: where the key comes from, for messages.

    Raises:
        ConfigurationError: the key cannot be used, or the machine has no identity.
    """
    try:
        if key is None:
            return google.auth.default(scopes=[scope])[0]
        if isinstance(key, str):
            return service_account.Credentials.from_service_account_file(key, scopes=[scope])
        return service_account.Credentials.from_service_account_info(key, scopes=[scope])
    except google.auth.exceptions.DefaultCredentialsError as error:
        raise ConfigurationError(f"This machine has no Google identity. Set {setting}.") from error
    except (OSError, ValueError) as error:
        # Without the error's text, which may quote the key.
        named = f"={key!r}" if isinstance(key, str) else ""
        raise ConfigurationError(
            f"{setting}{named} cannot be used as a key of a service account ({type(error).__name__}). "
            "Set it to the path of its JSON key."
        ) from None


@dataclass
class GoogleTokens:
    """Makes a token when there is none or it is about to expire.

    Args:
        key_file: path of the JSON key of a service account.
        scope: what the token is good for.
    """

    key_file: str
    scope: str
    _credentials: Any = None
    _transport: google.auth.transport.requests.Request = field(default_factory=_transport)

    def headers(self) -> dict[str, str]:
        """The header with the token.

        Raises:
            ConfigurationError: the key cannot be read, Google refuses it, or the machine has no identity.
            RetryLater: Google's token service does not answer.
        """
        headers: dict[str, str] = {}
        try:
            if self._credentials is None:
                self._credentials = google_credentials(self.key_file, self.scope, SETTING)
            self._credentials.before_request(self._transport, "GET", "", headers)
        except (google.auth.exceptions.TransportError, google.auth.exceptions.RefreshError) as error:
            if isinstance(error, google.auth.exceptions.TransportError) or error.retryable:
                raise RetryLater(f"Google gives no access token ({type(error).__name__}).") from error
            raise ConfigurationError(
                f"Google refuses the service account of {SETTING}={self.key_file!r} "
                f"({error.args[0] if error.args else 'no reason given'}). Make a new key for it, and set its path."
            ) from error
        return headers

    def renew(self) -> None:
        """The next token is a new one."""
        self._credentials = None
