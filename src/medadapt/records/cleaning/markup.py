"""HTML that was left in a text: tags and entities as plain characters."""

from __future__ import annotations

import html
import re
from collections import defaultdict, deque

from medadapt.records.cleaning.texts import Repairs

ATTRIBUTES = r"(?:\s+[\w-]+\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s>\"']+))*"
BREAKS = re.compile(rf"<(?:br|hr){ATTRIBUTES}\s*/?>", re.IGNORECASE)
BLOCKS = re.compile(
    rf"</?(?:p|div|ul|ol|tr|table|tbody|thead|h[1-6]|blockquote|center|pre){ATTRIBUTES}\s*/?>", re.IGNORECASE
)
ITEMS = re.compile(rf"<li{ATTRIBUTES}\s*>", re.IGNORECASE)
POWERS = re.compile(r"<sup\s*>\s*+([^<]{1,20}?)\s*</sup\s*>", re.IGNORECASE)
INLINE = re.compile(
    rf"</?(?:li|td|th|span|strong|em|font|sub|sup|small|code|img|tt){ATTRIBUTES}\s*/?>", re.IGNORECASE
)
ONE_LETTER = re.compile(rf"<(?:(?P<opened>[abisuq]){ATTRIBUTES}|/(?P<closed>[abisuq]))\s*>", re.IGNORECASE)
ENTITY = re.compile(r"&(?:#\d{2,6}|#[xX][0-9a-fA-F]{2,5}|[a-zA-Z][a-zA-Z0-9]{1,20});")


def without_markup(text: str, repairs: Repairs) -> str:
    """The text without HTML tags, its entities as characters; a power keeps its sense: `10<sup>9</sup>` is 10^9.

    Only known tags count, written as tags are: `p<0.05 and b>3` stays, and so do placeholders such as
    `<link>`. Tags of one letter must be closed again, but for `<p>`, which often is not.
    """
    plain = _without_tags(text) if "<" in text else text
    if plain != text:
        repairs["HTML tags removed"] += 1
    # Last, so that what was escaped to be shown as a tag is not taken for one.
    spoken = ENTITY.sub(lambda found: html.unescape(found[0]), plain) if "&" in plain else plain
    if spoken != plain:
        repairs["HTML entities made characters"] += 1
    return spoken


def _without_tags(text: str) -> str:
    text = POWERS.sub(r"^\1", text)
    text = BREAKS.sub("\n", text)
    text = ITEMS.sub("\n- ", text)
    text = BLOCKS.sub("\n", text)
    return INLINE.sub("", _without_pairs(text))


def _without_pairs(text: str) -> str:
    """The text without tags of one letter that are opened and closed, found in one pass."""
    if not (tags := list(ONE_LETTER.finditer(text))):
        return text
    opened: dict[str, deque[int]] = defaultdict(deque)
    gone = set()
    for place, tag in enumerate(tags):
        if tag["opened"]:
            opened[tag["opened"].lower()].append(place)
        elif waiting := opened[tag["closed"].lower()]:
            gone |= {waiting.popleft(), place}
    kept, start = [], 0
    for place in sorted(gone):
        kept.append(text[start : tags[place].start()])
        start = tags[place].end()
    return "".join([*kept, text[start:]])
