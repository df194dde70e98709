"""Count the tokens of a text before anybody is asked: exactly where the encoding is at hand, else about."""

import functools
import hashlib
import logging
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)

# English runs at about 4 bytes a token in OpenAI's and Llama's encodings; other scripts are fewer characters but
# more bytes, so bytes are the fairer measure. An estimate, and named as one wherever it is shown.
BYTES_PER_TOKEN = 4
APPROXIMATION = f"bytes / {BYTES_PER_TOKEN}"
# Where tiktoken keeps the files of its encodings: under the SHA-1 of the address that they come from.
_ADDRESS = "https://openaipublic.blob.core.windows.net/encodings/{name}.tiktoken"
# One encoding is another with different special tokens, which texts do not have.
_SAME_FILE = {"o200k_harmony": "o200k_base", "p50k_edit": "p50k_base"}


@dataclass(frozen=True)
class TokenCounter:
    """How the tokens of a text are counted.

    Args:
        name: of the encoding, or of the approximation.
        count: tokens of a text.
    """

    name: str
    count: Callable[[str], int]


def estimate_tokens(text: str) -> int:
    """About how many tokens a text has (bytes / 4, rounded up)."""
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


@functools.cache
def token_counter(model: str) -> TokenCounter:
    """The counter for a model: tiktoken's, if it knows the model and has its encoding on this machine.

    Nothing is fetched: the file is looked for in `TIKTOKEN_CACHE_DIR`, as tiktoken does.
    """
    import tiktoken

    try:
        name = tiktoken.encoding_name_for_model(model)
    except KeyError:
        return TokenCounter(APPROXIMATION, estimate_tokens)
    if not encoding_file(name).is_file():
        log.info(
            "The tokens of %s are estimated (%s). To count them, put the file of the encoding %s where "
            "TIKTOKEN_CACHE_DIR says.",
            model,
            APPROXIMATION,
            name,
        )
        return TokenCounter(APPROXIMATION, estimate_tokens)
    encoding = tiktoken.get_encoding(name)
    return TokenCounter(name, lambda text: len(encoding.encode_ordinary(text)))


def encoding_file(name: str, environ: Mapping[str, str] = os.environ) -> Path:
    """Where tiktoken looks for the file of an encoding before it would fetch it."""
    folder = environ.get("TIKTOKEN_CACHE_DIR") or str(Path(tempfile.gettempdir()) / "data-gym-cache")
    address = _ADDRESS.format(name=_SAME_FILE.get(name, name))
    return Path(folder) / hashlib.sha1(address.encode(), usedforsecurity=False).hexdigest()
