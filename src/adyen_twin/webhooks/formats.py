"""The three formats of a standard webhook: JSON, form fields (http) and SOAP.

Source: the values of `communicationFormat` in Adyen's OpenAPI file of Management. GUESS: the
names of the form fields and the elements of the SOAP body.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlencode
from xml.sax.saxutils import escape, quoteattr

from adyen_twin.core.state import CommunicationFormat, Message

SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
SERVICE: Final = "http://notification.services.adyen.com"


def convert(message: Message, communication_format: CommunicationFormat) -> Message:
    """Return a notification in another format than JSON, with the Content-Type of that format."""
    if communication_format == "json":
        return message
    envelope = json.loads(message.body)
    items = [wrapper["NotificationRequestItem"] for wrapper in envelope["notificationItems"]]
    if communication_format == "http":
        fields = [("live", envelope["live"]), *_fields(items[0])]
        return _message(message, urlencode(fields), "application/x-www-form-urlencoded")
    return _message(message, _soap(envelope["live"], items), "text/xml; charset=utf-8")


def _message(message: Message, body: str, content_type: str) -> Message:
    return Message(body, {**message.headers, "Content-Type": content_type})


def _fields(item: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Return the form fields of an item."""
    for name, value in item.items():
        if name == "amount":
            yield from ((part, str(value[part])) for part in ("currency", "value"))
        elif name == "additionalData":
            yield from ((f"additionalData.{key}", text) for key, text in value.items())
        elif name == "operations":
            yield name, ",".join(value)
        else:
            yield name, str(value)


def _soap(live: str, items: list[dict[str, Any]]) -> str:
    elements = "".join(
        "<NotificationRequestItem>"
        + "".join(_element(name, value) for name, value in item.items())
        + "</NotificationRequestItem>"
        for item in items
    )
    return (
        f'<?xml version="1.0"?><soap:Envelope xmlns:soap={quoteattr(SOAP)}><soap:Body>'
        f"<sendNotification xmlns={quoteattr(SERVICE)}><notification>"
        f"<live>{escape(live)}</live><notificationItems>{elements}</notificationItems>"
        "</notification></sendNotification></soap:Body></soap:Envelope>"
    )


def _element(name: str, value: Any) -> str:
    if name == "additionalData":
        content = "".join(
            f"<entry><key>{escape(key)}</key><value>{escape(text)}</value></entry>"
            for key, text in value.items()
        )
    elif isinstance(value, dict):
        content = "".join(_element(key, part) for key, part in value.items())
    elif isinstance(value, list):
        content = "".join(_element("string", part) for part in value)
    else:
        content = escape(str(value))
    return f"<{name}>{content}</{name}>"
