"""Calls and chats, a file each, as speech services, meeting programs and people write them.

`transcripts.py` lists the files, `transcript_file.py` sees whether one is text, captions or JSON. JSON of a known
program is read by the file of its name: a new program is one more such file, a name in `formats.py`, and its test with
a payload from the program or its documentation. JSON of any other program is mapped by a setting (`mapped.py`).
"""
