"""Adyen's messages in the OpenAPI document: the fields that Kasir or most shops read.

They are for the document only: handlers check and forward the bytes of a message, not these shapes.
Each message may have more fields, which Adyen's own schema describes: the document links to it.
Sources: Adyen's CheckoutService, versions 71 and 72, and its RecurringService, version 68.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from kasir.shop_events.shapes import AmountOut

Model = Literal["Subscription", "CardOnFile"]
_Shopper = Annotated[
    str, Meta(min_length=3, max_length=256, description="The shop's own reference of the shopper.")
]
_Account = Annotated[
    str, Meta(description="The shop's merchant account. Kasir adds it if it is absent.")
]


class BrowserInfo(msgspec.Struct, rename="camel"):
    """The shopper's browser, which GoPay requires."""

    user_agent: str
    accept_header: str
    language: str
    color_depth: int
    screen_height: int
    screen_width: int
    time_zone_offset: int
    java_enabled: bool


class PaymentMethod(msgspec.Struct, rename="camel", omit_defaults=True):
    """How it is paid: a `type` for a new payment, a `storedPaymentMethodId` to charge a token."""

    type: str | UnsetType = UNSET
    stored_payment_method_id: str | UnsetType = UNSET


class LineItem(msgspec.Struct, rename="camel", omit_defaults=True):
    """One item that is bought."""

    description: str | UnsetType = UNSET
    quantity: int | UnsetType = UNSET
    amount_including_tax: int | UnsetType = UNSET


class PaymentRequest(msgspec.Struct, rename="camel", omit_defaults=True):
    """A payment with GoPay, or the charge of a saved GoPay."""

    amount: AmountOut
    payment_method: PaymentMethod
    reference: Annotated[str, Meta(max_length=80, description="The shop's own reference.")]
    return_url: (
        Annotated[
            str, Meta(max_length=8000, description="Where the shopper returns to from the wallet.")
        ]
        | UnsetType
    ) = UNSET
    merchant_account: _Account | UnsetType = UNSET
    channel: (
        Annotated[
            str, Meta(description="`Web`, `iOS` or `Android`. Required, except to charge a token.")
        ]
        | UnsetType
    ) = UNSET
    browser_info: (
        Annotated[BrowserInfo, Meta(description="GoPay requires it, except to charge a token.")]
        | UnsetType
    ) = UNSET
    shopper_reference: _Shopper | UnsetType = UNSET
    store_payment_method: (
        Annotated[bool, Meta(description="Whether the payment saves the shopper's GoPay.")]
        | UnsetType
    ) = UNSET
    recurring_processing_model: (
        Annotated[Model, Meta(description="Required to save or to charge a token.")] | UnsetType
    ) = UNSET
    shopper_interaction: (
        Annotated[str, Meta(description="`ContAuth` to charge a token, else `Ecommerce`.")]
        | UnsetType
    ) = UNSET
    line_items: list[LineItem] | UnsetType = UNSET
    metadata: dict[str, str] | UnsetType = UNSET


class Action(msgspec.Struct, rename="camel", omit_defaults=True):
    """What the shop does next: with the type `redirect`, it sends the shopper to `url`."""

    type: str
    url: str | UnsetType = UNSET
    method: str | UnsetType = UNSET
    payment_method_type: str | UnsetType = UNSET


class PaymentResponse(msgspec.Struct, rename="camel", omit_defaults=True):
    """Adyen's answer to a payment or to its details."""

    result_code: Annotated[
        str,
        Meta(
            description="Such as `RedirectShopper`, `Authorised`, `Refused`, `Cancelled`, "
            "`Received` or `Pending`; the event brings the final outcome."
        ),
    ]
    psp_reference: (
        Annotated[str, Meta(description="Adyen's reference of the payment.")] | UnsetType
    ) = UNSET
    merchant_reference: str | UnsetType = UNSET
    amount: AmountOut | UnsetType = UNSET
    action: Action | UnsetType = UNSET
    refusal_reason: str | UnsetType = UNSET


class Details(msgspec.Struct, rename="camel", omit_defaults=True):
    """What the shopper brought back."""

    redirect_result: Annotated[
        str, Meta(description="The parameter `redirectResult` of the address of the return.")
    ]


class DetailsRequest(msgspec.Struct, rename="camel", omit_defaults=True):
    """The result of a redirect."""

    details: Details


class MethodsRequest(msgspec.Struct, rename="camel", omit_defaults=True):
    """Which payment methods are offered, for a country, an amount and a channel."""

    merchant_account: _Account | UnsetType = UNSET
    amount: AmountOut | UnsetType = UNSET
    country_code: str | UnsetType = UNSET
    channel: str | UnsetType = UNSET
    shopper_locale: str | UnsetType = UNSET
    shopper_reference: _Shopper | UnsetType = UNSET


class OfferedMethod(msgspec.Struct):
    """One payment method."""

    type: str
    name: str


class MethodsResponse(msgspec.Struct, rename="camel"):
    """The payment methods that Adyen offers."""

    payment_methods: list[OfferedMethod]


class ChangeRequest(msgspec.Struct, rename="camel", omit_defaults=True):
    """A capture, refund, cancel or reversal. Captures and refunds need an `amount`."""

    reference: (
        Annotated[str, Meta(max_length=80, description="The shop's name for this.")] | UnsetType
    ) = UNSET
    amount: AmountOut | UnsetType = UNSET
    merchant_account: _Account | UnsetType = UNSET


class ChangeResponse(msgspec.Struct, rename="camel", omit_defaults=True):
    """Adyen has received the request; an event brings the outcome."""

    merchant_account: str
    payment_psp_reference: str
    psp_reference: str
    status: str
    reference: str | UnsetType = UNSET
    amount: AmountOut | UnsetType = UNSET


class CancelRequest(msgspec.Struct, rename="camel", omit_defaults=True):
    """A cancel by the shop's own reference of the payment."""

    payment_reference: Annotated[str, Meta(max_length=80)]
    reference: (
        Annotated[str, Meta(max_length=80, description="The shop's name for this.")] | UnsetType
    ) = UNSET
    merchant_account: _Account | UnsetType = UNSET


class CancelResponse(msgspec.Struct, rename="camel", omit_defaults=True):
    """Adyen has received the request; an event brings the outcome."""

    merchant_account: str
    payment_reference: str
    psp_reference: str
    status: str
    reference: str | UnsetType = UNSET


class LinkRequest(msgspec.Struct, rename="camel", omit_defaults=True):
    """A link to Kasir's payment form."""

    amount: AmountOut
    reference: Annotated[str, Meta(max_length=80, description="The shop's own reference.")]
    return_url: (
        Annotated[str, Meta(description="Where the shopper goes afterwards.")] | UnsetType
    ) = UNSET
    description: Annotated[str, Meta(description="Shown to the shopper.")] | UnsetType = UNSET
    line_items: list[LineItem] | UnsetType = UNSET
    expires_at: Annotated[str, Meta(description="A date and time with its offset.")] | UnsetType = (
        UNSET
    )
    reusable: bool | UnsetType = UNSET
    merchant_account: _Account | UnsetType = UNSET
    shopper_locale: str | UnsetType = UNSET
    shopper_reference: _Shopper | UnsetType = UNSET
    store_payment_method_mode: Literal["disabled", "askForConsent", "enabled"] | UnsetType = UNSET
    recurring_processing_model: Model | UnsetType = UNSET
    metadata: dict[str, str] | UnsetType = UNSET


class LinkPatch(msgspec.Struct):
    """Withdraws a payment link."""

    status: Literal["expired"]


class LinkResponse(msgspec.Struct, rename="camel", omit_defaults=True):
    """A payment link: the fields of its request, its address and its status."""

    id: str
    url: str
    reference: str
    amount: AmountOut
    status: Literal["active", "paymentPending", "completed", "expired"]
    expires_at: str
    merchant_account: str


class StoredMethod(msgspec.Struct, rename="camel", omit_defaults=True):
    """A stored payment method. Anybody with its `id` can charge it."""

    id: str
    type: str
    name: str | UnsetType = UNSET
    shopper_reference: str | UnsetType = UNSET
    supported_recurring_processing_models: list[str] | UnsetType = UNSET


class StoredMethodsResponse(msgspec.Struct, rename="camel", omit_defaults=True):
    """A shopper's stored payment methods."""

    merchant_account: str
    shopper_reference: str
    stored_payment_methods: list[StoredMethod] | UnsetType = UNSET


class ClassicListRequest(msgspec.Struct, rename="camel", omit_defaults=True):
    """Whose tokens are listed."""

    shopper_reference: _Shopper
    merchant_account: _Account | UnsetType = UNSET


class ClassicListResponse(msgspec.Struct, rename="camel", omit_defaults=True):
    """A shopper's tokens; an empty object if there are none."""

    shopper_reference: str | UnsetType = UNSET
    details: list[dict[str, Any]] | UnsetType = UNSET


class ClassicDisableRequest(msgspec.Struct, rename="camel", omit_defaults=True):
    """Which token is disabled; without a reference, all of the shopper's."""

    shopper_reference: _Shopper
    recurring_detail_reference: str | UnsetType = UNSET
    merchant_account: _Account | UnsetType = UNSET


class ClassicDisableResponse(msgspec.Struct):
    """What was disabled."""

    response: str


class AdyenError(msgspec.Struct, rename="camel", omit_defaults=True):
    """An error in Adyen's format. `message` names each wrong field, and what to do."""

    status: Annotated[int, Meta(description="The HTTP status.")]
    error_code: str
    message: str
    error_type: Literal["internal", "validation", "security", "configuration"]
    psp_reference: str | UnsetType = UNSET
