"""Workbooks as Excel and LibreOffice write them, made by hand: no library that writes them is installed."""

import io
import struct
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape

_MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - a workbook knows no zones
_STYLES = (
    f'<styleSheet {_MAIN}><fonts count="1"><font/></fonts><fills count="1"><fill/></fills><borders count="1"><border/>'
    '</borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="2"><xf numFmtId="0"/>'
    '<xf numFmtId="22" applyNumberFormat="1"/></cellXfs></styleSheet>'
)


def letters(column: int) -> str:
    """`A` for 1, `AB` for 28."""
    return (letters((column - 1) // 26) if column > 26 else "") + chr(65 + (column - 1) % 26)


def _cell(place: str, value: Any) -> str:
    if isinstance(value, datetime):
        days = (value - _EPOCH).total_seconds() / 86_400
        return f'<c r="{place}" s="1"><v>{days!r}</v></c>'
    if isinstance(value, str):
        return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'
    return f'<c r="{place}"><v>{value!r}</v></c>' if value is not None else f'<c r="{place}" s="1"/>'


def _sheet(rows: Iterable[Sequence[Any]]) -> Iterable[str]:
    yield f'<?xml version="1.0" encoding="UTF-8"?><worksheet {_MAIN}><sheetData>'
    for number, row in enumerate(rows, start=1):
        cells = "".join(_cell(f"{letters(column)}{number}", value) for column, value in enumerate(row, start=1))
        yield f'<row r="{number}">{cells}</row>'
    yield "</sheetData></worksheet>"


def xlsx(sheets: Mapping[str, Iterable[Sequence[Any]] | str]) -> bytes:
    """A workbook of Excel.

    Args:
        sheets: rows by name, or a sheet's XML.
    """
    numbers = range(1, len(sheets) + 1)
    names = "".join(
        f'<sheet name="{escape(name)}" sheetId="{number}" r:id="rId{number}"/>'
        for number, name in zip(numbers, sheets, strict=True)
    )
    related = "".join(
        f'<Relationship Id="rId{number}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{number}.xml"/>'
        for number in numbers
    )
    overrides = "".join(
        f'<Override PartName="/xl/worksheets/sheet{number}.xml" ContentType="{_TYPE}.worksheet+xml"/>'
        for number in numbers
    )
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" ContentType='
        '"application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" '
        f'ContentType="{_TYPE}.sheet.main+xml"/>{overrides}</Types>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook {_MAIN} xmlns:r="{_OFFICE}"><sheets>{names}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">{related}<Relationship '
        f'Id="rId{len(sheets) + 1}" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": _STYLES,
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
        for number, rows in zip(numbers, sheets.values(), strict=True):
            with archive.open(f"xl/worksheets/sheet{number}.xml", "w") as file:
                for piece in [rows] if isinstance(rows, str) else _sheet(rows):
                    file.write(piece.encode())
    return buffer.getvalue()


def ods(rows: Iterable[Sequence[str]], behind: str = "") -> bytes:
    """A workbook of LibreOffice with one sheet.

    Args:
        behind: further rows, as XML.
    """
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    table = "".join(
        f"<table:table-row>{''.join(cell.format(escape(value)) for value in row)}</table:table-row>" for row in rows
    )
    namespace = "urn:oasis:names:tc:opendocument:xmlns"
    content = (
        f'<office:document-content xmlns:office="{namespace}:office:1.0" xmlns:table="{namespace}:table:1.0" '
        f'xmlns:text="{namespace}:text:1.0"><office:body><office:spreadsheet><table:table table:name="Sheet1">'
        f"{table}{behind}</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", '<manifest:manifest xmlns:manifest="urn:x"/>')
        archive.writestr("content.xml", content)
    return buffer.getvalue()


def xls(rows: Sequence[Sequence[str | float]]) -> bytes:
    """A workbook of old Excel (BIFF8) in a compound file, as [MS-XLS] and [MS-CFB] describe them."""

    def record(kind: int, data: bytes) -> bytes:
        return struct.pack("<HH", kind, len(data)) + data

    def begin(kind: int) -> bytes:
        return record(0x0809, struct.pack("<HHHHII", 0x0600, kind, 0, 0, 0, 0))

    def cell(row: int, column: int, value: str | float) -> bytes:
        place = struct.pack("<HHH", row, column, 0)
        if isinstance(value, float):
            return record(0x0203, place + struct.pack("<d", value))
        return record(0x0204, place + struct.pack("<HB", len(value), 1) + value.encode("utf-16-le"))

    end = record(0x000A, b"")
    cells = b"".join(cell(r, c, value) for r, row in enumerate(rows) for c, value in enumerate(row))
    # The place of the sheet is behind the workbook's own records.
    before = len(begin(5)) + 4 + 8 + len("Sheet1") + len(end)
    sheet = record(0x0085, struct.pack("<IBBBB", before, 0, 0, 6, 0) + b"Sheet1")
    stream = begin(5) + sheet + end + begin(0x10) + cells + end
    stream += bytes(max(0, 4096 - len(stream)))
    sectors = -(-len(stream) // 512)
    stream = stream.ljust(sectors * 512, b"\0")
    free, chain_end, of_fat = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
    fat = [of_fat, chain_end, *range(3, sectors + 2), chain_end]
    fat += [free] * (128 - len(fat))

    def entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
        encoded = (name + "\0").encode("utf-16-le") if name else b""
        head = encoded.ljust(64, b"\0") + struct.pack("<HBBIII", len(encoded), kind, 1, free, free, child)
        return head + bytes(36) + struct.pack("<IQ", start, size)

    directory = entry("Root Entry", 5, 1, chain_end, 0) + entry("Workbook", 2, free, 2, len(stream)) + 2 * bytes(128)
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    header += struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, chain_end, 0, chain_end, 0)
    header += struct.pack("<109I", 0, *[free] * 108)
    return header + struct.pack("<128I", *fat) + directory + stream
