"""Texts with markup in them as a person reads them: `<b>Ana</b>&nbsp;Lopez` is Ana Lopez, and is found as such."""

import html
import re

from include.text.clean import clean_text

# Of HTML, and of the mail programs that add their own. Anything else between `<` and `>` was written by somebody:
# an address in a mail's head, a voice of a caption, a placeholder, a heart.
_NAMES = (
    "a|abbr|address|article|aside|b|big|blockquote|body|br|button|center|cite|code|dd|del|div|dl|dt|em|figure|font"
    "|footer|form|h[1-6]|head|header|hr|html|i|img|input|ins|label|li|link|main|mark|meta|nav|o:p|ol|p|pre|q|s|script"
    "|section|small|span|strike|strong|style|sub|sup|table|tbody|td|tfoot|th|thead|title|tr|tt|u|ul|wbr"
)
_TAG = re.compile(rf"<(?:/?(?:{_NAMES})(?=[\s/>])[^<>]*>|!--|!doctype)", re.IGNORECASE)
_NO_TAG = re.compile(rf"<(?!/?(?:{_NAMES})[\s/>]|!--|!doctype)", re.IGNORECASE)
# Between words a line end is spoken of: `my notes show up with <br> tags in them`.
_SPOKEN_OF = re.compile(r"(?<=[^\s>] )<(br ?/?)>(?= [^\s<])", re.IGNORECASE)
# With its semicolon: `AT&T` and `&copy=1` are none.
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
_OWN_LINE = (
    "address,article,blockquote,dd,div,dl,dt,footer,form,h1,h2,h3,h4,h5,h6,header,hr,li,ol,p,pre,section,table,tr,ul"
)
_UNSEEN = "script,style,head,title,template"
_SPACES = re.compile(r"[ \t\xa0]+")
# Stand for the line ends of blocks and of `<br>`; no cleaned text has them.
_BLOCK, _BREAK = "\v", "\f"
_BLOCKS = re.compile(rf"[ {_BLOCK}]*{_BLOCK}[ {_BLOCK}]*")
# A parser takes quadratic time on what is nested deeply; no mail has so many tags.
MOST_TAGS = 2_000
_BLANK_LINES = re.compile(r"\n{3,}")
# Programs escape what was escaped before: `&amp;nbsp;`, `&lt;br&gt;`.
_PASSES = 2


def plain_text(text: str) -> str:
    """A cleaned text without tags and entities; one that has neither is returned as it is.

    Paragraphs, rows and `<br>` become line ends; addresses of links and pictures, scripts and styles are left out.
    """
    for _ in range(_PASSES):
        if "<" in text and _is_markup(text):
            text = _without_tags(text)
        elif "&" in text and _ENTITY.search(text):
            text = clean_text(_ENTITY.sub(lambda entity: html.unescape(entity.group()), text))
        else:
            break
    return text


def _is_markup(text: str) -> bool:
    """Whether there is more than one tag between spaces, which is spoken of."""
    tags = _TAG.finditer(text)
    first = next(tags, None)
    if first is None or next(tags, None) is not None:
        return first is not None
    around = text[max(first.start() - 1, 0) : first.start()] + text[first.end() : first.end() + 1]
    return bool(around.strip())


def _without_tags(text: str) -> str:
    from selectolax.lexbor import LexborHTMLParser

    if text.count("<") > MOST_TAGS:
        return clean_text(_TAG.sub("\n", text))
    tree = LexborHTMLParser(_NO_TAG.sub("&lt;", _SPOKEN_OF.sub(r"&lt;\1&gt;", text)))
    body = tree.body
    if body is None:
        return text
    for node in body.css(_UNSEEN):
        node.decompose()
    breaks = body.css("br")
    blocks = body.css(_OWN_LINE)
    for node in breaks:
        node.insert_before(_BREAK)
    for node in blocks:
        node.insert_before(_BLOCK)
        node.insert_after(_BLOCK)
    for node in body.css("td,th"):
        node.insert_after(" ")
    said = body.text()
    if breaks or blocks:
        # Between such tags a line end of the source is a space.
        said = said.replace("\n", " ")
    said = _BLOCKS.sub("\n", said).replace(_BREAK, "\n")
    lines = (_SPACES.sub(" ", line).strip() for line in said.split("\n"))
    return clean_text(_BLANK_LINES.sub("\n\n", "\n".join(lines)))
