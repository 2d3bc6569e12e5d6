"""The settings of Adyen's reports: when they come, how they look, and what is wrong in them.

PUT /twin/reports changes them while the twin runs. Each is a guess about Adyen's reports, or
something that a program which reads them must notice.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Whole = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
#: The columns of both reports; a missing one must be one of these.
ColumnName = Annotated[str, msgspec.Meta(min_length=1)]
#: A row of a settlement details report that has a payment.
RowType = Literal[
    "Settled",
    "Refunded",
    "Chargeback",
    "SecondChargeback",
    "ChargebackReversed",
    "RefundedReversed",
    "SettledReversed",
]


class Mistake(
    msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename="camel", tag_field="mistake"
):
    """A mistake in the next report, or the next ones. It is used up when it was made `times`."""

    times: Positive = 1


class RowMistake(Mistake):
    """A mistake in a row of the settlement details. It waits until a row matches."""

    #: Only rows with this merchantReference; None: any.
    reference: str | None = None
    #: Only rows of this type.
    type: RowType = "Settled"


class RowMissing(RowMistake, tag="row_missing"):
    """A row is missing, and the payout is less by it; with `later`, the next batch has it."""

    later: bool = False


class RefundMissing(RowMistake, tag="refund_missing"):
    """The row of a refund is missing, and the payout is more by it."""

    type: RowType = "Refunded"
    later: bool = False


class AmountOff(RowMistake, tag="amount_off"):
    """The gross and the net amount of a row differ from what happened."""

    #: In minor units of the row's currency.
    by: int = 1000


class SettledTwice(RowMistake, tag="settled_twice"):
    """A row stands twice, and the payout has it twice; with `later`, in the next batch."""

    later: bool = False


class UnknownType(RowMistake, tag="unknown_type"):
    """A row has a type that no list of Adyen's names."""

    name: str = "SettledInInstallments"


class FeeOdd(RowMistake, tag="fee_odd"):
    """The commission of a row is higher, and its net amount lower."""

    #: In minor units of the settlement currency.
    by: int = 5000


class RowArithmetic(RowMistake, tag="row_arithmetic"):
    """The net amount of a row is not its gross amount less its fees; the batch adds up."""

    by: int = 1


class BatchArithmetic(Mistake, tag="batch_arithmetic"):
    """The payout is not the sum of the other rows."""

    by: int = 1


class LateReport(Mistake, tag="late_report"):
    """The reports of a batch come so much later."""

    seconds: Seconds = 3 * 86_400.0


class SameNameAgain(Mistake, tag="same_name_again"):
    """The settlement details are announced again under the same name, `seconds` later.

    With `corrected`, the file has no mistakes then.
    """

    seconds: Seconds = 3600.0
    corrected: bool = False


AnyMistake = (
    RowMissing
    | RefundMissing
    | AmountOff
    | SettledTwice
    | UnknownType
    | FeeOdd
    | RowArithmetic
    | BatchArithmetic
    | LateReport
    | SameNameAgain
)

AnyRowMistake = (
    RowMissing | RefundMissing | AmountOff | SettledTwice | UnknownType | FeeOdd | RowArithmetic
)


class ReportSettings(msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """The settings that PUT /twin/reports changes."""

    #: A batch closes at each multiple of this, counted from midnight in `timeZone`; None: only
    #: POST /twin/reports/close closes one.
    close_every_s: Annotated[float, msgspec.Meta(ge=60)] | None = None
    #: The seconds from the close of a batch to its reports.
    delay_s: Seconds = 2 * 3600.0
    #: The report user. GUESS: the form of the name.
    user: Annotated[str, msgspec.Meta(pattern="^[^:]+$")] = "report@Company.Twin"
    password: str = "report-password"
    #: Whether the X-API-Key of a credential also downloads reports.
    api_key_downloads: bool = False

    #: The zone of the dates, and what the column of the zone has.
    time_zone: Literal["CET", "CEST", "PST", "PDT", "UTC", "WIB"] = "CET"
    #: How 25000 rupiah are printed: "whole": 25000; "hundredths": 250.00; "decimals": 25000.00.
    idr: Literal["whole", "hundredths", "decimals"] = "whole"
    column_order: Literal["default", "shuffled"] = "default"
    #: Whether the columns that a merchant can add are there; one of them has JSON.
    added_columns: bool = False
    #: Whether `Settlement Currency` stands twice in the header of the payment accounting.
    duplicate_header: bool = False
    #: Columns that are left out.
    missing_columns: list[ColumnName] = []
    #: Whether every text is quoted, or only where a comma or a quote makes it necessary.
    quoting: Literal["minimal", "all"] = "minimal"
    #: The modification reference of an automatic capture: that of the payment, or its own.
    capture_reference: Literal["payment", "own"] = "payment"

    #: The commission of GoPay, in hundredths of a percent of the amount.
    commission_bps: Whole = 200
    #: The markup, scheme fees and interchange of other methods, in hundredths of a percent.
    markup_bps: Whole = 60
    scheme_fees_bps: Whole = 10
    interchange_bps: Whole = 30
    #: The fee of each settled payment, in rupiah; a batch has one row with their sum.
    processing_fee: Whole = 350
    #: The rupiah for 1 unit of another currency.
    exchange_rate: Annotated[int, msgspec.Meta(ge=100, multiple_of=100)] = 16_000

    mistakes: list[AnyMistake] = []
