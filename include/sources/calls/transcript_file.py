"""One file with the transcript of a call: from its bytes to a row."""

import gzip
import io
import json
import re
import zlib
from typing import Any

from include.sources.calls.mapped import EXAMPLE, mapped
from include.sources.calls.transcript_cues import is_log, transcript_of_cues
from include.sources.calls.transcript_json import KNOWN_SHAPES, transcript_of_json
from include.sources.columns import AS_CALLED, ColumnMapping
from include.sources.encoding import encoding_of
from include.sources.job_status import job_trouble
from include.sources.row import MAX_LINE_BYTES, BadRow
from include.sources.signature import foreign_format
from include.sources.transcript import NotWhole, Transcript
from include.sources.transcript_text import transcript_of_text
from include.text.clean import is_blank
from include.text.columns import content_version

ENDINGS = (".txt", ".vtt", ".srt", ".json")
# Amazon Transcribe writes about 220 bytes a word, so this is a call of eight hours. A text of that size is too long to
# be a record, and its own cap says so.
MAX_FILE_BYTES = MAX_LINE_BYTES
# Lines and captions have little beside the words, so this is more than any record may have; parsed they take up to
# seventy times as much memory.
MAX_TEXT_BYTES = 4 * 1024 * 1024
HEAD_BYTES = 8_192
# Longer than any word; what has no spaces is a sentence in a language that writes none.
LONGEST_WORD_CHARACTERS = 40
_WORD = re.compile(r"[^\W_][\w'’-]*")
# Where a service lists the words one by one: redaction cannot see what they add up to.
_WORD_LIST = re.compile(rb'"(?:items|words|tokens|logprobs)"\s{0,8}:')
_GZIP = b"\x1f\x8b"


def is_transcript(name: str) -> bool:
    """Whether the name says that the file holds a call: it ends in one of `ENDINGS`, or in that and `.gz`."""
    return _parts(name)[1] in ENDINGS


def call_name(name: str) -> str:
    """A file's name without what says its format: `eu/call-17` for `eu/call-17.vtt.gz`."""
    return _parts(name)[0]


def read_transcript(name: str, data: bytes, mapping: ColumnMapping = AS_CALLED) -> dict[str, Any] | BadRow:
    """One call as a row without an id: `turns` or `text`, `record_version`, and what the file says of the call.

    Gzip is known by its first bytes, whatever the name, because object storage keeps files packed under plain names.
    A file of one word is no call: the line was cut, or the recording is silent. An empty one is left to the
    normaliser, which has a name for it.

    Args:
        name: of the file; its ending says the format.
        data: the file, at most `MAX_FILE_BYTES` of it and one more.
        mapping: of JSON that no known program writes; see `mapped`.
    """
    unpacked = _unpacked(name, data)
    text = unpacked if isinstance(unpacked, BadRow) else _decoded(unpacked)
    if isinstance(text, BadRow):
        return text
    transcript = _parsed(_parts(name)[1], text, mapping)
    if isinstance(transcript, BadRow):
        return transcript
    said = transcript.said
    if len(said) <= LONGEST_WORD_CHARACTERS and not is_blank(said) and len(_WORD.findall(said)) < 2:
        return _bad("too_short", "one word is no conversation", text)
    # Of the text, not of the bytes: packed or in another encoding it is the same call.
    return {"record_version": content_version(text), **transcript.row()}


def _parts(name: str) -> tuple[str, str]:
    whole = name[:-3] if name.lower().endswith(".gz") else name
    stem, dot, ending = whole.rpartition(".")
    return (stem, dot + ending.lower()) if dot else (whole, "")


def _unpacked(name: str, data: bytes) -> bytes | BadRow:
    most = MAX_FILE_BYTES if _parts(name)[1] == ".json" else MAX_TEXT_BYTES
    if len(data) <= MAX_FILE_BYTES and (data.startswith(_GZIP) or (data and name.lower().endswith(".gz"))):
        try:
            # No further than the cap, however much it would unpack to.
            data = gzip.GzipFile(fileobj=io.BytesIO(data)).read(most + 1)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            return BadRow("damaged_file", "the file is damaged or not gzip", head_of(data))
    if len(data) > most:
        return BadRow("too_large", f"the file has more than {most:,} bytes", head_of(data))
    return data


def _decoded(data: bytes) -> str | BadRow:
    if foreign := foreign_format(data):
        return BadRow("not_text", f"the file is {foreign}, whatever its name says", head_of(data))
    encoding = encoding_of(data)
    # Pictures, recordings, archives and old documents all have it in their first bytes; no text has.
    is_binary = not encoding.startswith("utf-16") and b"\x00" in data[:HEAD_BYTES]
    try:
        text = "" if is_binary else data.decode(encoding)
    except UnicodeDecodeError:
        message = f"the file is read as {encoding.removesuffix('-sig')} and is none throughout: save it as UTF-8"
        return BadRow("invalid_utf8", message, head_of(data))
    if is_binary:
        return BadRow("not_text", "the file is binary, whatever its name says", head_of(data))
    # Programs that join files leave marks of the byte order in them.
    return text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _parsed(ending: str, text: str, mapping: ColumnMapping) -> Transcript | BadRow:
    if ending == ".json" and text.strip():
        try:
            document = json.loads(text, parse_constant=lambda _: None)
        except (ValueError, RecursionError):
            return _bad("not_json", "the file is not valid JSON", text)
        try:
            transcript = mapped(document, mapping) or transcript_of_json(document)
        except NotWhole as error:
            return _bad("not_transcript", str(error), text)
        trouble = None if transcript and transcript.said else job_trouble(document)
        if trouble:
            return _bad("not_transcript", f"there is no transcript: {trouble}", text)
        return transcript or _bad("not_transcript", f"the JSON is none of: {KNOWN_SHAPES}. Or set {EXAMPLE}", text)
    if ending in (".vtt", ".srt") or text.startswith("WEBVTT") or is_log(text):
        is_empty = text.removeprefix("WEBVTT").strip() == ""
        found = Transcript() if is_empty else transcript_of_cues(text)
        return found or _bad("not_transcript", "there is no caption with its times (00:01.000 --> 00:04.000)", text)
    return transcript_of_text(text)


def head_of(data: bytes) -> bytes:
    """What quarantine keeps of a file, before it is redacted: its first bytes, up to a list of single words."""
    words = _WORD_LIST.search(data, 1, HEAD_BYTES)
    return data[: words.start() if words else HEAD_BYTES]


def _bad(error_type: str, message: str, text: str) -> BadRow:
    return BadRow(error_type, message, head_of(text[:HEAD_BYTES].encode()))
