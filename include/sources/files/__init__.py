"""Tables of texts as files: CSV, JSON, workbooks, Parquet and mailboxes, in a folder, a bucket or behind an address.

`formats.py` knows a file by its first bytes and its name, and hands it to the file beside it that reads this format. A
new format is one more such file, and a line in `formats.py`. What columns of other names mean is no business of a
format: that stands in `../columns.py`, and a new preset in `../column_presets.toml`.
"""
