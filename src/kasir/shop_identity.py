"""Who the shopper pays: the shop's name, logo, colour, support contact and terms, each checked.

They come from the environment. A payment link may have its own, as pairs of its `metadata`, because
Adyen's schema of links has no field for them but `themeId`, which names a theme at Adyen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from kasir.errors import Fault, SettingError
from kasir.logo_file import LogoFile, read_logo

#: Pairs of a link's metadata with this prefix are for Kasir, and are not sent to Adyen.
LINK_PREFIX: Final = "kasirShop"
#: The most characters of a shop's name.
NAME_LETTERS_MAX: Final = 60
_ADDRESS_LETTERS_MAX: Final = 1000
_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", re.ASCII)
_COLOUR: Final = re.compile(r"#[0-9a-fA-F]{6}", re.ASCII)
_E_MAIL: Final = re.compile(r"[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+", re.ASCII)
_PHONE: Final = re.compile(r"\+?[0-9][0-9 ()-]{4,22}[0-9]", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopIdentity:
    """What a shopper sees of the shop. Each part is empty where the shop gave none.

    Attributes:
        name: The shop's name.
        logo_url: The https address of a logo on another host.
        logo_file: A logo that Kasir serves itself; at most one of the two logos is given.
        colour: The accent colour, as `#rrggbb` in lower case.
        support: An e-mail address, a telephone number or an https address.
        terms_url: The https address of the shop's terms.
    """

    name: str = ""
    logo_url: str = ""
    logo_file: LogoFile | None = None
    colour: str = ""
    support: str = ""
    terms_url: str = ""

    @property
    def logo_origin(self) -> str:
        """The origin of the logo's address; empty without one."""
        return origin_of(self.logo_url) if self.logo_url else ""

    @property
    def support_link(self) -> str:
        """The address that a click on the support contact opens."""
        if _E_MAIL.fullmatch(self.support):
            return f"mailto:{self.support}"
        if _PHONE.fullmatch(self.support):
            return "tel:" + re.sub(r"[ ()-]", "", self.support)
        return self.support

    def of_link(self, request: Mapping[str, Any]) -> ShopIdentity:
        """This identity with the parts that a link's request has of its own.

        A part that this version refuses is left out: the link may be older than the rule.
        """
        pairs = _pairs(request)
        parts: dict[str, Any] = {
            part.field: part.read(pairs[key])
            for key, part in _LINK_PARTS.items()
            if key in pairs and part.cure(pairs[key]) is None
        }
        if "logo_url" in parts:
            parts["logo_file"] = None
        return replace(self, **parts)


def identity_from(env: Mapping[str, str]) -> ShopIdentity:
    """Read the identity from the environment; reads the file of a logo.

    Raises:
        SettingError: A setting is malformed, or the logo cannot be shown.
    """
    parts: dict[str, Any] = {}
    for setting, part in _SETTINGS.items():
        if text := env.get(setting):
            try:
                parts[part.field] = part.read(text)
            except ValueError as error:
                raise SettingError(setting, str(error)) from error
    logo = env.get("KASIR_SHOP_LOGO", "")
    try:
        if logo.lower().startswith(("http:", "https:")):
            parts["logo_url"] = _https_address(logo)
        elif logo:
            parts["logo_file"] = read_logo(Path(logo).expanduser())
    except ValueError as error:
        raise SettingError("KASIR_SHOP_LOGO", str(error)) from error
    return ShopIdentity(**parts)


def link_identity_faults(request: Mapping[str, Any]) -> Iterator[Fault]:
    """What is wrong with the identity in a link's metadata."""
    for key, value in _pairs(request).items():
        if part := _LINK_PARTS.get(key):
            cure = part.cure(value)
            if cure:
                yield Fault(f"metadata.{key}", f"{cure}.")
        else:
            yield Fault(f"metadata.{key}", f"is not one of {', '.join(_LINK_PARTS)}.")


def without_identity(metadata: object) -> object:
    """A link's metadata without the pairs that are for Kasir."""
    if not isinstance(metadata, dict):
        return metadata
    return {key: text for key, text in metadata.items() if not key.startswith(LINK_PREFIX)}


def origin_of(url: str) -> str:
    """The scheme, host and port of an address, for a content security policy."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _pairs(request: Mapping[str, Any]) -> dict[str, str]:
    metadata = request.get("metadata")
    if not isinstance(metadata, dict):
        return {}
    return {
        key: text
        for key, text in metadata.items()
        if key.startswith(LINK_PREFIX) and isinstance(text, str)
    }


def _name(text: str) -> str:
    if len(text) > NAME_LETTERS_MAX or not text.isprintable() or not text.strip():
        raise ValueError(f"must be one line of 1 to {NAME_LETTERS_MAX} characters")
    return text.strip()


def _colour(text: str) -> str:
    if not _COLOUR.fullmatch(text):
        raise ValueError("must be a colour such as #0b6b5d: # and six hexadecimal digits")
    return text.lower()


def _support(text: str) -> str:
    if _E_MAIL.fullmatch(text) or _PHONE.fullmatch(text):
        return text
    try:
        return _https_address(text)
    except ValueError:
        raise ValueError(
            "must be an e-mail address, a telephone number such as +62 21 555 0100, or an https "
            "address"
        ) from None


def _https_address(text: str) -> str:
    """Check an address that a page links to or loads a logo from.

    Raises:
        ValueError: It is not https, has a user name or a strange host, or is too long.
    """
    cure = "must be a full https address without a user name, such as https://shop.example/terms"
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError(cure) from None
    is_plain = text.isascii() and text.isprintable() and not re.search(r"[\s\"'<>\\^`{|}]", text)
    if parts.scheme != "https" or not _HOST.fullmatch(host) or "@" in parts.netloc or not is_plain:
        raise ValueError(cure)
    if len(text) > _ADDRESS_LETTERS_MAX:
        raise ValueError(f"must have at most {_ADDRESS_LETTERS_MAX} characters")
    return parts.geturl()  # This puts the scheme in lower case.


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of an identity: its field, and the function that checks and reads its text."""

    field: str
    read: Callable[[str], str]

    def cure(self, text: str) -> str | None:
        """What is wrong with a text; None if nothing is wrong."""
        try:
            self.read(text)
        except ValueError as error:
            return str(error)
        return None


#: The settings, except the logo, which may be a file.
_SETTINGS: Final = {
    "KASIR_SHOP_NAME": _Part("name", _name),
    "KASIR_SHOP_COLOUR": _Part("colour", _colour),
    "KASIR_SHOP_SUPPORT": _Part("support", _support),
    "KASIR_SHOP_TERMS": _Part("terms_url", _https_address),
}
#: The keys in a link's metadata. A link's logo is an address: a shop's request names no file here.
_LINK_PARTS: Final = {
    f"{LINK_PREFIX}Name": _Part("name", _name),
    f"{LINK_PREFIX}Logo": _Part("logo_url", _https_address),
    f"{LINK_PREFIX}Colour": _Part("colour", _colour),
    f"{LINK_PREFIX}Support": _Part("support", _support),
    f"{LINK_PREFIX}Terms": _Part("terms_url", _https_address),
}
