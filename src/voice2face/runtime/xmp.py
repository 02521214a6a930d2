"""Metadata that say by machine that a picture is made by a trained model: XMP, as IPTC defines it.

Source:
    IPTC Photo Metadata Standard 2023.2, Digital Source Type; ISO 16684-1 (XMP).
"""

from __future__ import annotations

import re
import zlib
from html import escape, unescape

from voice2face import __version__

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_NAMESPACE = "urn:voice2face:picture:1"
_PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about=""'
    ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
    ' xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
    ' xmlns:voice2face="{namespace}"'
    ' Iptc4xmpExt:DigitalSourceType="{source}"'
    ' xmp:CreatorTool="voice2face {version}"{own}/>'
    '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
)
# A packet of XMP is plain text in PNG, JPEG, WebP and GIF alike, and made to be found by its ends.
_FOUND = re.compile(rb"<x:xmpmeta\b.*?</x:xmpmeta>", re.DOTALL)
_LONGEST_VALUE = 500


def xmp_packet(model: str = "", seed: int | None = None) -> str:
    """Write that a picture was made by this program, by which model and of which seed."""
    told = {"Model": model, "Version": __version__, "Seed": "" if seed is None else str(seed)}
    own = "".join(f' voice2face:{name}="{escape(value)}"' for name, value in told.items() if value)
    return _PACKET.format(
        namespace=_NAMESPACE, source=SOURCE_TYPE, version=escape(__version__), own=own
    )


def read_xmp(content: bytes) -> dict[str, str]:
    """Read what the XMP of a picture's file says.

    Returns:
        Of DigitalSourceType, CreatorTool, Model, Version and Seed those that are given, as
        attributes or elements; nothing where there is no XMP.
    """
    packet = _FOUND.search(content) or _FOUND.search(_inflated(content))
    if packet is None:
        return {}
    text = packet[0].decode("utf-8", "replace")
    own = "voice2face" if _NAMESPACE in text else "none"
    told: dict[str, str] = {}
    for name in (
        "Iptc4xmpExt:DigitalSourceType",
        "xmp:CreatorTool",
        *(f"{own}:{field}" for field in ("Model", "Version", "Seed")),
    ):
        found = re.search(rf"""\b{name}\s*=\s*(["'])(.*?)\1|<{name}>(.*?)</{name}>""", text)
        if found:
            told[name.split(":")[1]] = unescape(found[2] or found[3] or "")[:_LONGEST_VALUE]
    return told


def _inflated(content: bytes) -> bytes:
    """Unpack the text of a PNG's first compressed chunk of XMP; nothing where there is none."""
    at = content.find(b"iTXtXML:com.adobe.xmp\0\1\0")
    if at < 0:
        return b""
    start = content.find(b"\0", content.find(b"\0", at + 24) + 1) + 1
    try:
        return zlib.decompressobj().decompress(content[start:], 1 << 20)
    except zlib.error:
        return b""
