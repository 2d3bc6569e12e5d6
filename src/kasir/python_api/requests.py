"""What a shop asks for, as frozen dataclasses. Kasir checks the values when a request is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kasir.money import Money
from kasir.python_api.enums import Channel, IntervalUnit, RecurringModel
from kasir.python_api.results import Token
from kasir.subscriptions.plan import PlanId


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """The shopper's browser, which Adyen requires for a payment on the Web.

    The defaults are those of a common phone in Jakarta's time zone. Kasir only passes them on.

    Attributes:
        user_agent: The header `User-Agent` of the shopper's request.
        accept_header: The header `Accept` of the shopper's request.
        language: The browser's language, such as `id-ID`.
        color_depth: Bits per pixel: 1, 4, 8, 15, 16, 24, 30, 32 or 48.
        screen_height: In pixels.
        screen_width: In pixels.
        time_zone_offset: Minutes from UTC as JavaScript counts them: -420 in Jakarta.
        java_enabled: Whether the browser can run Java.
    """

    user_agent: str
    accept_header: str = "text/html"
    language: str = "id-ID"
    color_depth: int = 24
    screen_height: int = 800
    screen_width: int = 360
    time_zone_offset: int = -420
    java_enabled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LineItem:
    """One line of an order; `unit_price` includes tax."""

    description: str
    quantity: int
    unit_price: Money
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRequest:
    """A payment to make; `Kasir.pay`.

    Attributes:
        reference: The shop's own name for the payment, up to 80 characters.
        amount: The amount, in rupiah.
        return_url: The address to which the shopper returns from the wallet.
        browser: The shopper's browser. Required where `channel` is `Channel.WEB`.
        channel: Where the shopper pays.
        shopper_reference: The shop's own name for the shopper, 3 to 256 characters. Required with
            `save_for`.
        save_for: Saves the wallet for these charges; None saves nothing.
        manual_capture: Whether the shop captures the payment itself, with `Kasir.capture`.
        expires_at: When an unfinished payment is closed, with a time zone; None for the default.
        line_items: The order's lines.
        metadata: The shop's own values, which Adyen repeats in notifications.
        more: Other fields of Adyen's `/payments`, by Adyen's names. A field that is set here and
            above has the value from above.
    """

    reference: str
    amount: Money
    return_url: str
    browser: Browser | None = None
    channel: Channel = Channel.WEB
    shopper_reference: str | None = None
    save_for: RecurringModel | None = None
    manual_capture: bool = False
    expires_at: datetime | None = None
    line_items: Sequence[LineItem] = ()
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    more: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeRequest:
    """A charge of a saved wallet; `Kasir.charge`.

    Attributes:
        token: The wallet, from `Kasir.tokens`.
        amount: The amount, in rupiah.
        reference: The shop's own name for the payment, up to 80 characters.
        return_url: The address to which the shopper returns. Adyen requires it with every payment,
            but uses it with `CARD_ON_FILE` only.
        model: `SUBSCRIPTION` is charged without the shopper. With `CARD_ON_FILE` the shopper is
            redirected, and enters the PIN.
        metadata: The shop's own values, which Adyen repeats in notifications.
    """

    token: Token
    amount: Money
    reference: str
    return_url: str
    model: RecurringModel = RecurringModel.SUBSCRIPTION
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """A plan to make; `Kasir.make_plan`. docs/subscriptions.md explains each field.

    Attributes:
        reference: The shop's own name for the plan.
        amount: What a period costs, in rupiah.
        unit: The unit of a period.
        count: How many units a period has.
        trial_days: Days before the first period; 0 for no trial.
        trial_amount: What the trial costs; None for one rupiah.
        cycles: How many periods there are; None for no end.
    """

    reference: str
    amount: Money
    unit: IntervalUnit
    count: int = 1
    trial_days: int = 0
    trial_amount: Money | None = None
    cycles: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscribeRequest:
    """A shopper's sign-up to a plan; `Kasir.subscribe`.

    Attributes:
        plan: The plan's id, from `Kasir.make_plan`.
        shopper_reference: The shop's own name for the shopper, 3 to 256 characters.
        return_url: The address to which the shopper returns from the first payment.
        browser: The shopper's browser. Required where `channel` is `Channel.WEB`.
        channel: Where the shopper pays.
        reference: The shop's own name for the subscription; the references of its payments begin
            with it. None for Kasir's id of it.
        starts_at: When the first period begins, with a time zone; None for the first payment.
    """

    plan: PlanId
    shopper_reference: str
    return_url: str
    browser: Browser | None = None
    channel: Channel = Channel.WEB
    reference: str | None = None
    starts_at: datetime | None = None
