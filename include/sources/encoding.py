"""In which encoding a text was written that does not say so."""

import codecs
import logging
from contextlib import suppress

log = logging.getLogger(__name__)

# What programs write that do not write UTF-8: Windows in western and central Europe, Cyrillic and Greek, and the
# encodings of Japanese, Chinese and Korean. More of them would only be more ways to be wrong.
CANDIDATES = ["cp932", "gb18030", "big5", "cp949", "cp1252", "cp1250", "cp1251", "cp1253"]
SAMPLE_BYTES = 64 * 1024
# Of a table in UTF-16: a cell of Japanese may be long, and each has a delimiter.
MOST_LETTERS_TO_A_SIGN = 50
UTF8 = "utf-8-sig"


def encoding_of(sample: bytes, given: str | None = None) -> str:
    """The codec of a text by its first bytes: by its mark, as UTF-16 without one, as UTF-8, or as what it looks like.

    A text that is UTF-8 but for some damage stays so, and so does one of no encoding at all: the rows say what is
    wrong with them.

    Args:
        sample: beginning of the file; the first `SAMPLE_BYTES` count.
        given: what it is if it is neither UTF-8 nor UTF-16; None: what it looks like.
    """
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    sample = sample[:SAMPLE_BYTES]
    has_zeros = b"\0" in sample
    with suppress(UnicodeDecodeError):
        # What most files are is seen at once.
        if not has_zeros and sample.decode():
            return UTF8
    halves = (sample[::2], sample[1::2]) if has_zeros else (b"", b"")
    for codec, end, (low, high) in (("utf-16-le", b"\n\0", halves), ("utf-16-be", b"\0\n", halves[::-1])):
        # Digits, delimiters and ends of lines have a byte of zero beside them, whatever the language. Some letters have
        # one too, on the other side.
        zeros = high.count(0)
        if end in sample and zeros > len(high) / MOST_LETTERS_TO_A_SIGN and zeros > 2 * low.count(0):
            return codec
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(sample)
    damaged = text.count("\ufffd")
    if not damaged or has_zeros or damaged <= sum(character > "\x7f" for character in text) - damaged:
        return UTF8
    if given:
        return given
    # Nobody else needs it: it takes a moment to load.
    from charset_normalizer import from_bytes

    found = from_bytes(sample, cp_isolation=CANDIDATES)
    best = found.best()
    if best is None:
        return UTF8
    # A few letters look the same in several encodings of Windows: the most common one.
    alike = [each for each in found if (each.chaos, each.coherence) == (best.chaos, best.coherence)]
    encoding = min((name for each in alike for name in each.could_be_from_charset), key=CANDIDATES.index)
    log.info("A file is read as %s, which it looks like. NIGHTSHIFT_ENCODING says what else a table is.", encoding)
    return encoding
