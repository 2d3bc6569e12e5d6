"""A webhook endpoint like the one in Adyen's samples: Flask, the library's check, nothing stored.

The endpoint was written for the comparison, with the steps of the samples: read the first item,
check its signature with the library, answer 202. Gunicorn serves it with two workers.
"""

from __future__ import annotations

import os

from Adyen.util import is_valid_hmac_notification
from flask import Flask, Response, request

app = Flask(__name__)
_KEY = os.environ.get("ADYEN_HMAC_KEY", "")


@app.post("/webhooks/notifications")
def notifications() -> Response:
    """Check the signature and accept."""
    item = request.get_json()["notificationItems"][0]["NotificationRequestItem"]
    if not is_valid_hmac_notification(item, _KEY):
        return Response("invalid HMAC signature", status=401)
    return Response("[accepted]", status=202)
