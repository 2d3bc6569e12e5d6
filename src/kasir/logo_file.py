"""A shop's logo in a file: read once at the start, and checked by its content, not by its name.

A browser must not find anything in it that runs or that loads something else. So an SVG may have
only the elements of a drawing, without scripts, event handlers and external references.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final
from xml.parsers import expat

#: The largest logo, in bytes.
LOGO_BYTES_MAX: Final = 256 * 1024
#: How the content of each image format begins, with the extension and the media type.
_SIGNATURES: Final = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "png", "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "jpg", "image/jpeg"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "webp", "image/webp"),
    (re.compile(rb"GIF8[79]a"), "gif", "image/gif"),
)
_SVG: Final = "http://www.w3.org/2000/svg"
_XHTML: Final = "http://www.w3.org/1999/xhtml"
#: The elements of a drawing. Animations are missing, because they can change an address.
_SVG_ELEMENT: Final = re.compile(
    r"circle|clipPath|defs|desc|ellipse|filter|g|line|linearGradient|marker|mask|metadata|path"
    r"|pattern|polygon|polyline|radialGradient|rect|stop|style|svg|switch|symbol|text|textPath"
    r"|title|tspan|use|fe[A-Z][A-Za-z]+"
)
#: A reference to something outside the file, or text that could hide one.
_OUTSIDE: Final = re.compile(
    r"url\((?!\s*['\"]?#)|image-set\(|src\(|@import|javascript:|\\", re.IGNORECASE
)
_DIGEST_LENGTH: Final = 16


@dataclass(frozen=True, slots=True)
class LogoFile:
    """A checked logo.

    Attributes:
        content: The bytes of the file.
        media_type: Its media type, by its content.
        name: Its name in Kasir's addresses, which changes with its content: `<digest>.png`.
    """

    content: bytes = field(repr=False)
    media_type: str
    name: str


def read_logo(path: Path) -> LogoFile:
    """Read and check a logo.

    Raises:
        ValueError: The file cannot be read, is too large, or is not an image that may be shown. The
            message gives the cure.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LOGO_BYTES_MAX + 1)
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror}); give the path of an image") from error
    if len(content) > LOGO_BYTES_MAX:
        raise ValueError(f"is larger than {LOGO_BYTES_MAX // 1024} KiB; give a smaller image")
    extension, media_type = _format(content)
    digest = sha256(content).hexdigest()[:_DIGEST_LENGTH]
    return LogoFile(content, media_type, f"{digest}.{extension}")


def _format(content: bytes) -> tuple[str, str]:
    """The extension and the media type of an image.

    Raises:
        ValueError: The content is no such image, or is an SVG that may not be shown.
    """
    for signature, extension, media_type in _SIGNATURES:
        if signature.match(content):
            return extension, media_type
    _SvgCheck().run(content)
    return "svg", "image/svg+xml"


class _SvgCheck:
    """Reads an SVG and refuses everything in it that is not a part of a drawing."""

    def __init__(self) -> None:
        self._depth = 0
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.ProcessingInstructionHandler = self._instruction
        self._parser.StartElementHandler = self._element
        self._parser.EndElementHandler = self._element_end
        self._parser.buffer_text = True
        self._parser.CharacterDataHandler = self._text

    def run(self, content: bytes) -> None:
        """Read all of it; raises ValueError at the first part that is refused."""
        try:
            self._parser.Parse(content, True)
        except (expat.ExpatError, LookupError) as error:  # LookupError: an unknown encoding.
            raise ValueError("is not a PNG, JPEG, WebP, GIF or SVG; give one of these") from error

    def _doctype(self, *_: object) -> None:
        _refuse("a DOCTYPE")

    def _instruction(self, *_: object) -> None:
        _refuse("a processing instruction")

    def _element(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, local = name.rpartition(" ")
        is_first, self._depth = self._depth == 0, self._depth + 1
        if is_first and (namespace, local) != (_SVG, "svg"):
            raise ValueError("is not a PNG, JPEG, WebP, GIF or SVG; give one of these")
        # Elements of an editor's own namespace are not drawn. Those of XHTML are.
        if namespace == _XHTML or (namespace in {_SVG, ""} and not _SVG_ELEMENT.fullmatch(local)):
            _refuse(f"the element {local}")
        for qualified, value in attributes.items():
            self._attribute(qualified.rpartition(" ")[2], value)

    def _element_end(self, _: str) -> None:
        self._depth -= 1

    def _attribute(self, name: str, value: str) -> None:
        if name.lower().startswith("on"):
            _refuse(f"the event handler {name}")
        if name.lower() in {"href", "src", "base"} and not value.startswith("#"):
            _refuse(f"an external reference in {name}")
        if _OUTSIDE.search(value):
            _refuse(f"an external reference in {name}")

    def _text(self, text: str) -> None:
        if _OUTSIDE.search(text):
            _refuse("an external reference in its text")


def _refuse(part: str) -> None:
    raise ValueError(f"is an SVG with {part}; remove it, or give a PNG")
