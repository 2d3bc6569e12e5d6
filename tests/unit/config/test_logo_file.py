"""A logo is accepted by its content; whatever could run or load something is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from kasir.logo_file import LOGO_BYTES_MAX, read_logo

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
SVG_BEGIN = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'


def svg(inner: str) -> bytes:
    return f"{SVG_BEGIN}{inner}</svg>".encode()


def fault_of(path: Path) -> str:
    with pytest.raises(ValueError, match=r"is |cannot ") as caught:
        read_logo(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "extension", "media_type"),
    [
        (PNG, "png", "image/png"),
        (b"\xff\xd8\xff\xe0rest", "jpg", "image/jpeg"),
        (b"RIFF\x0a\x01\0\0WEBPVP8 ", "webp", "image/webp"),
        (b"GIF89a....", "gif", "image/gif"),
        (svg('<path d="M0 0"/>'), "svg", "image/svg+xml"),
        (b"<?xml version='1.0'?>\n" + svg("<g/>"), "svg", "image/svg+xml"),
    ],
)
def test_the_type_of_a_logo_is_that_of_its_content(
    tmp_path: Path, content: bytes, extension: str, media_type: str
) -> None:
    path = tmp_path / "logo.txt"
    path.write_bytes(content)
    logo = read_logo(path)

    assert (logo.content, logo.media_type) == (content, media_type)
    assert logo.name.endswith(f".{extension}")


def test_the_name_of_a_logo_changes_with_its_content(tmp_path: Path) -> None:
    names = set()
    for number in range(2):
        path = tmp_path / "logo.png"
        path.write_bytes(PNG + bytes([number]))
        names.add(read_logo(path).name)

    assert len(names) == 2


@pytest.mark.parametrize(
    "inner",
    [
        '<linearGradient id="a"><stop offset="0"/></linearGradient><rect fill="url(#a)"/>',
        '<defs><symbol id="b"/></defs><use xlink:href="#b"/>',
        "<style>.a{fill:#123} .b{clip-path:url( '#c' )}</style>",
        '<filter id="f"><feGaussianBlur stdDeviation="2"/></filter>',
        '<e:view xmlns:e="http://editor.example/ns" e:zoom="2"/>',
        "<!-- a comment --><title>Toko &amp; Kopi</title>",
    ],
)
def test_a_drawing_is_accepted(tmp_path: Path, inner: str) -> None:
    path = tmp_path / "logo.svg"
    path.write_bytes(svg(inner))

    assert read_logo(path).media_type == "image/svg+xml"


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (svg("<script>alert(1)</script>"), "the element script"),
        (svg("<g><SCRIPT/></g>"), "the element SCRIPT"),
        (svg("<foreignObject/>"), "the element foreignObject"),
        (svg("<animate attributeName='href' to='x'/>"), "the element animate"),
        (svg('<a xlink:href="#x"/>'), "the element a"),
        (svg('<h:p xmlns:h="http://www.w3.org/1999/xhtml"/>'), "the element p"),
        (svg('<script xmlns=""/>'), "the element script"),
        (svg('<path onclick="x()"/>'), "the event handler onclick"),
        (svg('<g ONLOAD="x()"/>'), "the event handler ONLOAD"),
        (svg('<use href="https://other.example/a.svg#b"/>'), "an external reference in href"),
        (svg('<use xlink:href="data:image/svg+xml,x"/>'), "an external reference in href"),
        (svg('<g xml:base="https://other.example/"/>'), "an external reference in base"),
        (svg('<rect fill="url(https://other.example/a)"/>'), "an external reference in fill"),
        (svg("<rect style=\"fill: URL( '//x')\"/>"), "an external reference in style"),
        (svg("<style>@import 'https://other.example/a'</style>"), "its text"),
        (svg("<style>a{b:u<!-- -->rl(x)}</style>"), "its text"),
        (svg("<style>a{b:\\75rl(x)}</style>"), "its text"),
        (b"<!DOCTYPE svg [<!ENTITY a 'aaaa'>]>" + svg("&a;"), "a DOCTYPE"),
        (b"<?xml-stylesheet href='https://x'?>" + svg(""), "a processing instruction"),
    ],
)
def test_an_svg_that_could_run_or_load_something_is_refused(
    tmp_path: Path, content: bytes, part: str
) -> None:
    path = tmp_path / "logo.svg"
    path.write_bytes(content)
    fault = fault_of(path)

    assert part in fault
    assert "give a PNG" in fault


@pytest.mark.parametrize(
    "content",
    [
        b"<!doctype html><html><script>alert(1)</script></html>",
        b"<html><body>a page</body></html>",
        b"",
        b"MZ\x90\0",
        svg("<g>"),  # Not well-formed.
        b'<?xml version="1.0" encoding="unknown"?>' + svg(""),
        b"<svg/>",  # Without SVG's namespace a browser does not draw it.
    ],
)
def test_another_file_with_the_name_of_an_image_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "logo.png"
    path.write_bytes(content)

    assert "not a PNG, JPEG, WebP, GIF or SVG" in fault_of(path)


def test_a_logo_of_the_largest_size_is_accepted_and_a_larger_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "logo.png"
    path.write_bytes(PNG.ljust(LOGO_BYTES_MAX, b"\0"))

    assert len(read_logo(path).content) == LOGO_BYTES_MAX

    path.write_bytes(PNG.ljust(LOGO_BYTES_MAX + 1, b"\0"))

    assert "is larger than 256 KiB; give a smaller image" in fault_of(path)


def test_a_logo_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    assert "No such file or directory" in fault_of(tmp_path / "none.png")
    assert "Is a directory" in fault_of(tmp_path)
