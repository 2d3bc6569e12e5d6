"""Texts of the pages of payouts and cases, each in English and in Indonesian."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "payouts_intro": (
        "Each batch that Adyen closed, by its report “Settlement details”.",
        "Setiap batch yang ditutup Adyen, menurut laporan “Settlement details”.",
    ),
    "payout_title": ("Batch {batch}", "Batch {batch}"),
    "payout_rows": ("Rows of Kasir's payments", "Baris pembayaran Kasir"),
    "payout_batch": ("Batch", "Batch"),
    "payout_paid_out": ("Paid out", "Dibayarkan"),
    "payout_paid_out_at": ("Paid out on", "Dibayarkan pada"),
    "payout_payments_settled": ("Payments", "Pembayaran"),
    "payout_own_net": ("Of Kasir's payments, after fees", "Dari pembayaran Kasir, setelah biaya"),
    "payout_adds_up": ("Adds up", "Cocok"),
    "payout_row_type": ("What", "Jenis"),
    "payout_gross": ("Gross", "Bruto"),
    "payout_fees": ("Fees", "Biaya"),
    "payout_net": ("Net", "Neto"),
    "payout_reference": ("Reference", "Referensi"),
    "payout_psp_reference": ("pspReference", "pspReference"),
    "payout_report": ("Report", "Laporan"),
    "cases_intro": (
        "Differences between Adyen's reports and Kasir. A later report closes what it explains.",
        "Perbedaan antara laporan Adyen dan Kasir. Laporan berikutnya menutup yang dijelaskannya.",
    ),
    "case_state": ("State", "Status"),
    "case_state_open": ("Open", "Terbuka"),
    "case_state_closed": ("Closed", "Ditutup"),
    "case_state_all": ("All", "Semua"),
    "case_kind": ("Kind", "Jenis kasus"),
    "case_kind_any": ("Any", "Semua"),
    "case_kind_row_arithmetic": ("A row does not add up", "Satu baris tidak cocok"),
    "case_kind_batch_arithmetic": ("A batch does not add up", "Satu batch tidak cocok"),
    "case_kind_missing_here": ("Missing in Kasir", "Tidak ada di Kasir"),
    "case_kind_missing_there": ("Missing in Adyen's reports", "Tidak ada di laporan Adyen"),
    "case_kind_amount": ("Another amount", "Jumlah berbeda"),
    "case_kind_refund": ("A refund differs", "Pengembalian dana berbeda"),
    "case_kind_fee": ("Unusual fees", "Biaya tidak biasa"),
    "case_kind_settled_twice": ("Settled twice", "Dibayarkan dua kali"),
    "case_kind_aged_unsettled": ("Not settled for long", "Lama belum dibayarkan"),
    "case_kind_unknown_type": ("Unknown type of row", "Jenis baris tidak dikenal"),
    "case_kind_unreadable_row": ("A row cannot be read", "Satu baris tidak dapat dibaca"),
    "case_number": ("Case", "Kasus"),
    "case_opened_at": ("Found", "Ditemukan"),
    "case_payment": ("Payment", "Pembayaran"),
    "case_row": ("row {line}", "baris {line}"),
    "case_closed_at": ("Closed on", "Ditutup pada"),
    "case_closed_by": ("Closed by", "Ditutup oleh"),
    "case_closed_by_report": ("a later report", "laporan berikutnya"),
    "act_case.close": ("Close the case", "Tutup kasus"),
    "done_case_closed": ("The case is closed.", "Kasus sudah ditutup."),
}
