"""Examples of requests and answers in the OpenAPI document, by the names of the handlers.

A test sends each request to a running Kasir, and checks each answer against its schema. Ids in
angle brackets do not exist; the test replaces them.
"""

from __future__ import annotations

from typing import Any, Final

from kasir.web import examples_reconciliation

_TIME: Final = "2026-11-23T07:07:14.887399Z"
_ACCOUNT: Final = "TwinMerchant"
_PSP_REFERENCE: Final = "410T6EPARTZ6ENQ2"
_TOKEN: Final = "DPAWSZKWPV9OGNOH"
_SHOPPER: Final = "shopper-77"
_AMOUNT: Final = {"currency": "IDR", "value": 25_000}
_MONTHLY: Final = {"currency": "IDR", "value": 99_000}
_MONTH: Final = {"unit": "month", "count": 1}
_BROWSER: Final = {
    "userAgent": "Mozilla/5.0 (Linux; Android 14)",
    "acceptHeader": "text/html",
    "language": "id-ID",
    "colorDepth": 24,
    "screenHeight": 844,
    "screenWidth": 390,
    "timeZoneOffset": -420,
    "javaEnabled": False,
}
_RETURN_URL: Final = "https://shop.example/return?order=1001"
_PAID_BY: Final = {"channel": "Web", "browserInfo": _BROWSER, "returnUrl": _RETURN_URL}
_LINK: Final = {
    "reference": "ORDER-1002",
    "amount": _AMOUNT,
    "returnUrl": "https://shop.example/orders/1002",
    "lineItems": [{"description": "Kopi Gayo", "quantity": 1, "amountIncludingTax": 25_000}],
}
_LINK_ANSWER: Final = {
    **_LINK,
    "id": "PL_01M83KNY27JYB87A54MGEZYHQ8",
    "url": "http://127.0.0.1:8000/pay/PL_01M83KNY27JYB87A54MGEZYHQ8",
    "expiresAt": "2026-11-24T07:07:14Z",
    "status": "active",
    "merchantAccount": _ACCOUNT,
}
_PLAN: Final = {"reference": "coffee-monthly", "amount": _MONTHLY, "interval": _MONTH}
_PLAN_ANSWER: Final = {
    **_PLAN,
    "id": "pln_01M83KNY27JYB87A54MGEZYHQ8",
    "timeZone": "Asia/Jakarta",
    "trialDays": 0,
    "whenUnpaid": "cancel",
    "onDispute": "continue",
    "onFullRefund": "continue",
    "noticeDays": 3,
    "createdAt": _TIME,
}
_PAYMENT_ANSWER: Final = {
    "resultCode": "RedirectShopper",
    "action": {
        "type": "redirect",
        "url": "https://test.adyen.com/hpp/checkout.shtml?u=redirectPayment",
        "method": "GET",
        "paymentMethodType": "gopay_wallet",
    },
}
_SUBSCRIPTION: Final = {
    "id": "sub_01M83KNY27JYB87A54MGEZYHQ8",
    "reference": "ORDER-1003",
    "status": "active",
    "plan": "pln_01M83KNY27JYB87A54MGEZYHQ8",
    "shopperReference": _SHOPPER,
    "amount": _MONTHLY,
    "interval": _MONTH,
    "timeZone": "Asia/Jakarta",
    "createdAt": _TIME,
    "currentPeriod": {"start": _TIME, "end": "2026-12-23T07:07:14.887399Z"},
    "token": "tok_01M83P48KYHD2S8GTV2X5HDCN6",
    "renewals": [],
}
_PAYMENT: Final = {
    "id": "pay_01M83KNY27JYB87A54MGEZYHQ8",
    "reference": "ORDER-1001",
    "status": "authorised",
    "amount": _AMOUNT,
    "captured": 25_000,
    "refunded": 0,
    "createdAt": _TIME,
    "facts": [
        {"at": _TIME, "source": "reply", "says": "awaiting_shopper"},
        {
            "at": "2026-11-23T07:07:40.933494Z",
            "source": "notification",
            "says": "authorised",
            "pspReference": _PSP_REFERENCE,
            "amount": _AMOUNT,
        },
    ],
    "pspReference": _PSP_REFERENCE,
}
_NOTICE: Final = {
    "id": 1723,
    "state": "held",
    "eventCode": "AUTHORISATION",
    "receivedAt": _TIME,
    "success": True,
    "pspReference": _PSP_REFERENCE,
    "merchantReference": "ORDER-1001",
    "why": "its amount is not the payment's",
}
_SAVED: Final = {
    "id": "tok_01M83P48KYHD2S8GTV2X5HDCN6",
    "storedPaymentMethodId": _TOKEN,
    "shopperReference": _SHOPPER,
    "type": "gopay_wallet",
    "state": "active",
    "recurringProcessingModel": "CardOnFile",
    "pspReference": _PSP_REFERENCE,
    "createdAt": _TIME,
}
_DELIVERY: Final = {
    "id": "evt_01M83KNY27JYB87A54MGEZYHQ8",
    "event": "payment.authorised",
    "address": "events",
    "state": "delivered",
    "createdAt": _TIME,
    "tries": [
        {"at": _TIME, "error": "ClientConnectorError"},
        {"at": "2026-11-23T07:07:19.887399Z", "status": 204},
    ],
    "to": "https://shop.example/events",
    "subject": "pay_01M83KNY27JYB87A54MGEZYHQ8",
}
_EVENTS_ADDRESS: Final = {
    "name": "events",
    "waiting": 12,
    "to": "https://shop.example/events",
    "waitingSince": _TIME,
    "lastTry": {"at": _TIME, "status": 204},
}
_DISPUTE: Final = {
    "reference": "QFQTPCQ8HXSKGK82",
    "amount": _AMOUNT,
    "status": "open",
    "openedAt": _TIME,
    "pspReference": _PSP_REFERENCE,
    "reason": "Goods or Services Not Provided",
    "reasonCode": "13.1",
    "deadline": "2026-12-07T10:00:00+01:00",
    "disputeStatus": "Unresponded",
    "paymentId": "pay_01M83KNY27JYB87A54MGEZYHQ8",
    "paymentReference": "ORDER-1001",
    "paymentAmount": 25_000,
    "todo": "defend",
}
EVENT: Final = {"type": "payment.authorised", "timestamp": _TIME, "data": _PAYMENT}
REQUESTS: Final[dict[str, dict[str, Any]]] = {
    "post_payment_methods": {"amount": _AMOUNT, "countryCode": "ID", "channel": "Web"},
    "post_payments": {
        "reference": "ORDER-1001",
        "amount": _AMOUNT,
        "paymentMethod": {"type": "gopay_wallet"},
        **_PAID_BY,
    },
    "post_payments_details": {"details": {"redirectResult": "<redirectResult>"}},
    "post_payment_change": {"amount": {"currency": "IDR", "value": 10_000}, "reference": "part"},
    "post_cancels": {"paymentReference": "ORDER-1001", "reference": "cancel of ORDER-1001"},
    "post_payment_links": _LINK,
    "patch_payment_link": {"status": "expired"},
    "post_list_recurring_details": {"shopperReference": _SHOPPER},
    "post_disable": {"shopperReference": _SHOPPER, "recurringDetailReference": _TOKEN},
    "post_plan": _PLAN,
    "post_subscription": {
        "plan": "<plan>",
        "reference": "ORDER-1003",
        "shopperReference": _SHOPPER,
        **_PAID_BY,
    },
    "patch_subscription": {"amount": {"currency": "IDR", "value": 89_000}},
    "post_subscription_cancel": {"at": "periodEnd"},
    "post_subscription_pause": {"at": "periodEnd"},
    "post_subscription_resume": {"at": "now"},
    "post_subscription_payment": _PAID_BY,
    "post_deliveries_resend": {"since": _TIME, "to": "events"},
    "post_deliveries_pause": {"to": "events"},
    "post_deliveries_resume": {"to": "events"},
    **examples_reconciliation.REQUESTS,
}
ANSWERS: Final[dict[str, Any]] = {
    "live": {"status": "ok"},
    "ready": {"status": "ok"},
    "metrics": "# TYPE kasir_payments_unknown gauge\nkasir_payments_unknown 0.0\n",
    "post_payment_methods": {"paymentMethods": [{"type": "gopay_wallet", "name": "GoPay"}]},
    "post_payments": _PAYMENT_ANSWER,
    "post_payments_details": {
        "resultCode": "Authorised",
        "pspReference": _PSP_REFERENCE,
        "merchantReference": "ORDER-1001",
    },
    "post_payment_change": {
        "merchantAccount": _ACCOUNT,
        "paymentPspReference": _PSP_REFERENCE,
        "pspReference": "A389LGAJ60G7IOU1",
        "status": "received",
        "reference": "part",
        "amount": {"currency": "IDR", "value": 10_000},
    },
    "post_cancels": {
        "merchantAccount": _ACCOUNT,
        "paymentReference": "ORDER-1001",
        "pspReference": "QFQTPCQ8HXSKGK82",
        "status": "received",
        "reference": "cancel of ORDER-1001",
    },
    **dict.fromkeys(("post_payment_links", "get_payment_link", "patch_payment_link"), _LINK_ANSWER),
    "get_payments": {"payments": [_PAYMENT], "next": None},
    "get_payments_csv": (
        "id,createdAt,reference,status,currency,value,captured,refunded,method,pspReference,"
        "shopperReference,linkId\r\npay_01M83KNY27JYB87A54MGEZYHQ8,2026-11-23T07:07:14+00:00,"
        "ORDER-1001,authorised,IDR,25000,25000,0,gopay_wallet,410T6EPARTZ6ENQ2,shopper-77,\r\n"
    ),
    "get_payment_life": {
        "payment": _PAYMENT,
        "entries": [
            {
                "kind": "call",
                "at": _TIME,
                "source": "kasir",
                "says": "payments",
                "text": "Kasir asked Adyen for the payment.",
                "message": "request-kasir-pay_01M83KNY27JYB87A54MGEZYHQ8",
            },
            {
                "kind": "fact",
                "at": "2026-11-23T07:07:40.933494Z",
                "source": "notification",
                "says": "authorised",
                "text": "The payment is paid.",
                "message": "notice-1723",
                "pspReference": _PSP_REFERENCE,
                "amount": _AMOUNT,
                "words": "AUTHORISATION",
            },
            {
                "kind": "event",
                "at": "2026-11-23T07:07:41Z",
                "source": "kasir",
                "says": "payment.authorised",
                "text": "An event is written for the shop: payment.authorised.",
                "message": "event-evt_01M83KNY27JYB87A54MGEZYHQ8",
                "state": "delivered",
                "tries": [{"at": "2026-11-23T07:07:41Z", "status": 200}],
            },
        ],
        "attempts": [
            {
                "pspReference": _PSP_REFERENCE,
                "refundable": 25_000,
                "refundableWhy": "",
                "capturable": 25_000,
                "capturableWhy": "",
                "cancellable": True,
            }
        ],
    },
    "get_payment_message": {
        "id": "notice-1723",
        "at": "2026-11-23T07:07:40Z",
        "name": "AUTHORISATION",
        "body": {"eventCode": "AUTHORISATION", "amount": _AMOUNT, "shopperEmail": "(hidden)"},
        "status": None,
        "why": "",
    },
    "get_payment": {**_PAYMENT, "payout": examples_reconciliation.PAYOUT_OF_PAYMENT},
    **examples_reconciliation.ANSWERS,
    "get_events": {
        "events": [{"id": "evt_01M83KNY27JYB87A54MGEZYHQ8", **EVENT}],
        "next": "evt_01M83KNY27JYB87A54MGEZYHQ8",
    },
    "get_doctor": {
        "findings": [
            {
                "what": "GoPay is listed for ID and IDR",
                "isWell": True,
                "says": "it is",
            }
        ]
    },
    "get_notices": {
        "notices": [_NOTICE],
        "next": None,
    },
    "get_deliveries": {"deliveries": [_DELIVERY], "next": None},
    **dict.fromkeys(("get_delivery", "post_delivery_resend"), _DELIVERY),
    "get_delivery_addresses": {"addresses": [_EVENTS_ADDRESS, {"name": "relay", "waiting": 0}]},
    "post_deliveries_resend": {"resent": 40, "until": "2026-11-23T09:30:00Z", "next": None},
    "post_deliveries_pause": _EVENTS_ADDRESS | {"pausedAt": "2026-11-23T09:30:00Z"},
    "post_deliveries_resume": _EVENTS_ADDRESS,
    "get_links": {
        "links": [
            {
                "id": "PL_01M83KNY27JYB87A54MGEZYHQ8",
                "url": "https://kasir.example/pay/PL_01M83KNY27JYB87A54MGEZYHQ8",
                "status": "active",
                "reference": "ORDER-1001",
                "amount": _AMOUNT,
                "createdAt": _TIME,
                "expiresAt": "2026-11-24T07:07:14Z",
            }
        ],
        "next": None,
    },
    "get_tokens": {"tokens": [_SAVED]},
    "post_token_disable": _SAVED | {"state": "disabled"},
    "get_notice": _NOTICE | {"message": {"eventCode": "AUTHORISATION", "success": "true"}},
    "post_notice_replay": _NOTICE | {"state": "unread"},
    "get_disputes": {"disputes": [_DISPUTE], "next": None},
    "get_today": {
        "at": "2026-11-23T07:07:14.887399Z",
        "since": "2026-11-22T17:00:00Z",
        "payments": {"authorised": {"count": 41, "value": 1_025_000}},
        "authorisationRate": 0.953,
        "authorisationRateLastWeek": 0.948,
        "hours": [{"start": "2026-11-22T17:00:00Z", "count": 2, "value": 50_000}],
        "days": [{"start": "2026-11-22T17:00:00Z", "count": 41, "value": 1_025_000}],
        "waiting": {
            "lastNoticeAt": _TIME,
            "unreadNotices": 0,
            "unreadNoticesSeconds": 0.0,
            "jobs": 3,
            "events": 1,
            "eventsSeconds": 0.4,
            "eventsFailing": 0,
            "relayed": 0,
            "relayedSeconds": 0.0,
            "subscriptions": 0,
        },
        "needsPerson": [{"what": "notices_held", "count": 1}],
    },
    "get_stored_payment_methods": {
        "merchantAccount": _ACCOUNT,
        "shopperReference": _SHOPPER,
        "storedPaymentMethods": [{"id": _TOKEN, "type": "gopay_wallet", "name": "GoPay"}],
    },
    "post_list_recurring_details": {
        "shopperReference": _SHOPPER,
        "details": [
            {"RecurringDetail": {"recurringDetailReference": _TOKEN, "variant": "gopay_wallet"}}
        ],
    },
    "post_disable": {"response": "[detail-successfully-disabled]"},
    "get_plans": {"plans": [_PLAN_ANSWER]},
    **dict.fromkeys(("post_plan", "get_plan"), _PLAN_ANSWER),
    "post_subscription": {**_SUBSCRIPTION, "status": "incomplete", "payment": _PAYMENT_ANSWER},
    "get_subscriptions": {"subscriptions": [_SUBSCRIPTION], "next": None},
    **dict.fromkeys(
        (
            *("get_subscription", "patch_subscription"),
            *("post_subscription_cancel", "post_subscription_pause", "post_subscription_resume"),
        ),
        _SUBSCRIPTION,
    ),
    "post_subscription_payment": _PAYMENT_ANSWER,
    "get_subscription_metrics": {
        "timeZone": "Asia/Jakarta",
        "days": [
            {
                "day": "2026-11-23",
                "active": 12,
                "trialing": 1,
                "pastDue": 0,
                "paused": 0,
                "new": 2,
                "churned": 0,
                "recovered": 0,
                "monthlyRecurringRevenue": {"currency": "IDR", "value": 1_188_000},
            }
        ],
    },
}


def _error(status: int, code: str, message: str, kind: str = "validation") -> dict[str, Any]:
    return {"status": status, "errorCode": code, "message": message, "errorType": kind}


_SECURITY: Final = "security"
ERRORS: Final[dict[int, dict[str, Any]]] = {
    400: _error(400, "702", "The request's body is not JSON."),
    401: _error(401, "000", "HTTP Status Response - Unauthorized", _SECURITY),
    403: _error(403, "901", "Invalid Merchant Account", _SECURITY),
    404: _error(404, "187", "There is no payment pay_1."),
    405: _error(405, "000", "PUT is not for this; use POST."),
    409: _error(409, "704", "request already processed or in progress"),
    413: _error(413, "000", "Request Entity Too Large"),
    422: _error(422, "130", "Required field 'reference' is not provided."),
    503: _error(503, "703", "Adyen has not answered, so the outcome is not known yet.", "internal"),
}
