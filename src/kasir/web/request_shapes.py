"""The requests of Kasir's own API in the OpenAPI document.

They are for the document only: `kasir.requests` checks the fields of a request. A test compares the
names here with those that it knows.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

from kasir.shop_events.shapes import AmountOut, Moment
from kasir.subscriptions.plan import Unit, WhenTakenBack, WhenUnpaid
from kasir.web.adyen_shapes import BrowserInfo, LineItem


class Interval(msgspec.Struct, forbid_unknown_fields=True):
    """The length of a period: `count` units, such as 1 `month`."""

    unit: Unit
    count: Annotated[int, Meta(ge=1)] | UnsetType = UNSET


class PlanRequest(
    msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True, forbid_unknown_fields=True
):
    """A plan: how much is charged how often."""

    reference: Annotated[str, Meta(max_length=80, description="The shop's name for the plan.")]
    amount: AmountOut
    interval: Interval
    time_zone: (
        Annotated[str, Meta(description="An IANA time zone. The default is `Asia/Jakarta`.")]
        | UnsetType
    ) = UNSET
    trial_days: Annotated[int, Meta(ge=0, le=731)] | UnsetType = UNSET
    trial_amount: AmountOut | UnsetType = UNSET
    cycles: (
        Annotated[int, Meta(ge=1, le=10_000, description="How many periods; without it, no end.")]
        | UnsetType
    ) = UNSET
    when_unpaid: WhenUnpaid | UnsetType = UNSET
    on_dispute: WhenTakenBack | UnsetType = UNSET
    on_full_refund: WhenTakenBack | UnsetType = UNSET
    notice_days: (
        Annotated[
            int,
            Meta(
                ge=0, le=60, description="How long before a charge its event comes; 3 unless given."
            ),
        ]
        | UnsetType
    ) = UNSET


class ShopperName(msgspec.Struct, rename="camel"):
    """A shopper's name."""

    first_name: str
    last_name: str


class PayerRequest(
    msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True, forbid_unknown_fields=True
):
    """A payment that saves the shopper's GoPay: the fields that are forwarded to Adyen with it."""

    return_url: Annotated[
        str, Meta(max_length=1024, description="Where the shopper returns to from the wallet.")
    ]
    channel: Annotated[str, Meta(description="`Web`, `iOS` or `Android`.")] | UnsetType = UNSET
    browser_info: BrowserInfo | UnsetType = UNSET
    shopper_reference: (
        Annotated[
            str,
            Meta(
                min_length=3, max_length=256, description="The shop's own reference of the shopper."
            ),
        ]
        | UnsetType
    ) = UNSET
    shopper_email: str | UnsetType = UNSET
    shopper_name: ShopperName | UnsetType = UNSET
    shopper_ip: str | UnsetType = field(default=UNSET, name="shopperIP")
    shopper_locale: str | UnsetType = UNSET
    telephone_number: str | UnsetType = UNSET
    line_items: list[LineItem] | UnsetType = UNSET
    metadata: dict[str, str] | UnsetType = UNSET
    origin: str | UnsetType = UNSET
    merchant_account: str | UnsetType = UNSET


class SignUpRequest(PayerRequest, kw_only=True):
    """A shopper's agreement to a plan, and its first payment."""

    plan: Annotated[str, Meta(description="The id of the plan.")]
    shopper_reference: Annotated[
        str,
        Meta(min_length=3, max_length=256, description="The shop's own reference of the shopper."),
    ]
    reference: (
        Annotated[str, Meta(max_length=73, description="The shop's own; each period adds to it.")]
        | UnsetType
    ) = UNSET
    starts_at: (
        Annotated[Moment, Meta(description="When the first period begins, with its offset.")]
        | UnsetType
    ) = UNSET
    sign_up_by: (
        Annotated[
            Literal["payment", "link"],
            Meta(description="With `link` the shopper pays on Kasir's form: no `browserInfo`."),
        ]
        | UnsetType
    ) = UNSET


class SubscriptionPatch(
    msgspec.Struct, rename="camel", omit_defaults=True, forbid_unknown_fields=True
):
    """Another amount from the next period on, or another token of the same shopper."""

    amount: AmountOut | UnsetType = UNSET
    stored_payment_method_id: str | UnsetType = UNSET


class CancelCommand(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """When it is cancelled; `never` withdraws a planned cancel. The default is `now`."""

    at: Literal["now", "periodEnd", "never"] | UnsetType = UNSET


class PauseCommand(msgspec.Struct, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """When it is paused, and until when; `never` withdraws a planned pause."""

    at: Literal["now", "periodEnd", "never"] | UnsetType = UNSET
    resumes_at: Annotated[Moment, Meta(description="With its offset.")] | UnsetType = UNSET


class ResumeCommand(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """When the pause ends; `never` withdraws a planned end."""

    at: (
        Annotated[str, Meta(description="`now`, `never`, or a date and time with its offset.")]
        | UnsetType
    ) = UNSET
