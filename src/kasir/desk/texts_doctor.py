"""Texts of the page of checks, each in English and in Indonesian.

A text `check_…` is the name of a check of `kasir doctor`; `doctor.check_key` makes its key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "doctor_intro": (
        "The checks of kasir doctor, run at {at}. Reload to run them again.",
        "Pemeriksaan kasir doctor pada {at}, dijelaskan dalam bahasa Inggris.",
    ),
    "doctor_wrong_title": ("To be mended", "Perlu diperbaiki"),
    "doctor_well_title": ("In order", "Baik"),
    "doctor_all_well": ("Every check passed.", "Semua pemeriksaan lulus."),
    "doctor_wrong": ("not in order", "bermasalah"),
    "doctor_well": ("in order", "baik"),
    "check_test_and_live_are_not_mixed": (
        "test and live are not mixed",
        "test dan live tidak tercampur",
    ),
    "check_adyen_answers_this_key": (
        "Adyen answers this key",
        "Adyen menjawab kunci ini",
    ),
    "check_gopay_is_listed_for_id_and_idr": (
        "GoPay is listed for ID and IDR",
        "GoPay tersedia untuk ID dan IDR",
    ),
    "check_payments_are_captured_when_they_are_authorised": (
        "payments are captured when they are authorised",
        "pembayaran ditagih saat diotorisasi",
    ),
    "check_the_merchant_account_is_active": (
        "the merchant account is active",
        "akun merchant aktif",
    ),
    "check_the_live_prefix": ("the live prefix", "prefix live"),
    "check_the_clocks_agree": ("the clocks agree", "jam-jam cocok"),
    "check_the_public_address_is_reached": (
        "the public address is reached",
        "alamat publik dapat dicapai",
    ),
    "check_standard_notifications_can_be_verified": (
        "standard notifications can be verified",
        "notifikasi standar dapat diverifikasi",
    ),
    "check_a_signed_standard_notification_came_lately": (
        "a signed standard notification came lately",
        "notifikasi standar yang ditandatangani datang belum lama ini",
    ),
    "check_a_signed_tokens_notification_came_lately": (
        "a signed tokens notification came lately",
        "notifikasi token yang ditandatangani datang belum lama ini",
    ),
    "check_notifications_were_understood": (
        "notifications were understood",
        "notifikasi dipahami",
    ),
    "check_calls_to_adyen_were_answered": (
        "calls to Adyen were answered",
        "panggilan ke Adyen dijawab",
    ),
    "check_the_outcome_of_every_payment_is_known": (
        "the outcome of every payment is known",
        "hasil setiap pembayaran diketahui",
    ),
    "check_every_pspreference_has_one_payment": (
        "every pspReference has one payment",
        "setiap pspReference milik satu pembayaran",
    ),
    "check_adyen_confirmed_how_attempts_ended": (
        "Adyen confirmed how attempts ended",
        "Adyen mengonfirmasi akhir setiap percobaan",
    ),
    "check_jobs_were_done": ("jobs were done", "pekerjaan selesai"),
    "check_the_shop_takes_its_events": (
        "the shop takes its events",
        "toko menerima peristiwanya",
    ),
    "check_the_shop_s_adyen_handler_takes_relayed_notifications": (
        "the shop's Adyen handler takes relayed notifications",
        "penangan Adyen milik toko menerima notifikasi yang diteruskan",
    ),
    "check_no_address_is_paused": ("no address is paused", "tidak ada alamat yang dijeda"),
    "check_adyen_s_reports_are_fetched_and_read": (
        "Adyen's reports are fetched and read",
        "laporan Adyen diambil dan dibaca",
    ),
    "check_adyen_s_reports_agree_with_kasir": (
        "Adyen's reports agree with Kasir",
        "laporan Adyen cocok dengan Kasir",
    ),
}
