"""The programs whose JSON is known by marks that no other has. A new one is a file like these, and a name here.

Each has `MARKS`, ways as `value_at` takes them that lead to something in its JSON objects, and reads one by
`transcript(document)`. That raises `NotWhole` if it is more or less than one call, and KeyError, TypeError, ValueError,
AttributeError or IndexError if it is of another program, or another version of this one.
"""

from include.sources.calls import assemblyai, azure, connect, deepgram, gong, google, transcribe, twilio, whisper_cpp

FORMATS = (assemblyai, azure, connect, deepgram, gong, google, transcribe, twilio, whisper_cpp)
# A document with none of these is of none of them.
FIRST_NAMES = frozenset(way.partition(".")[0] for form in FORMATS for mark in form.MARKS for way in mark.split("|"))
