"""Names of columns, and what says that a text has changed."""

import hashlib
import re
import unicodedata


def column_name(key: str) -> str:
    """A name in lower-case letters, digits and underscores; one in another script gets a name made of its hash."""
    if re.fullmatch("[a-z0-9_]{1,60}", key):
        return key
    plain = unicodedata.normalize("NFKD", key[:200]).encode("ascii", "ignore").decode().lower()
    name = re.sub("[^a-z0-9_]+", "_", plain).strip("_")[:60]
    is_telling = re.search("[a-z]", name) or (name and key.isascii())
    return name if is_telling else f"column_{content_version(key)[:6]}"


def content_version(content: str | bytes) -> str:
    """First 12 hex digits of the SHA-256 of what the customer wrote: changes exactly when the text does.

    An attribute alone makes no new version, though a prompt may show it: a source whose titles or ratings are edited
    says so in a `record_version` of its own, as those of the stores do.
    """
    data = content.encode(errors="surrogatepass") if isinstance(content, str) else content
    return hashlib.sha256(data).hexdigest()[:12]
