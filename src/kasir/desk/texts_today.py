"""Texts of the start page, each in English and in Indonesian."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "decimal_mark": (".", ","),
    "needs_title": ("Needs a person", "Perlu ditangani"),
    "needs_none": ("Nothing needs a person.", "Tidak ada yang perlu ditangani."),
    "need_disputes_due": (
        "Disputes to be answered within seven days: {count}",
        "Sengketa yang harus dijawab dalam tujuh hari: {count}",
    ),
    "need_disputes_open": (
        "Other disputes to be answered: {count}",
        "Sengketa lain yang harus dijawab: {count}",
    ),
    "need_cases_open": (
        "Open cases of reconciliation: {count}",
        "Kasus rekonsiliasi yang terbuka: {count}",
    ),
    "need_payments_unknown": (
        "Payments whose outcome is not known: {count}",
        "Pembayaran yang hasilnya belum diketahui: {count}",
    ),
    "need_attempts_unconfirmed": (
        "Ended attempts that Adyen has not confirmed: {count}",
        "Percobaan selesai yang belum dikonfirmasi Adyen: {count}",
    ),
    "need_notices_held": (
        "Notifications that were not understood: {count}",
        "Notifikasi yang tidak dipahami: {count}",
    ),
    "need_notices_unknown": (
        "Notifications of an unknown kind: {count}",
        "Notifikasi jenis tak dikenal: {count}",
    ),
    "need_jobs_failed": ("Jobs that failed: {count}", "Pekerjaan yang gagal: {count}"),
    "need_events_given_up": (
        "Events that the shop did not accept, in the last seven days: {count}",
        "Peristiwa yang tidak diterima toko, dalam tujuh hari: {count}",
    ),
    "status_created": ("created", "dibuat"),
    "status_authorised": ("paid", "dibayar"),
    "status_refused": ("refused", "ditolak"),
    "status_unknown": ("unknown", "belum diketahui"),
    "status_awaiting_shopper": ("waiting for the shopper", "menunggu pembeli"),
    "status_pending": ("pending", "diproses"),
    "status_cancelled": ("cancelled", "dibatalkan"),
    "status_expired": ("expired", "kedaluwarsa"),
    "status_failed": ("never reached Adyen", "tidak sampai ke Adyen"),
    "paid_today": ("Paid today", "Dibayar hari ini"),
    "payments_today": ("Payments created today", "Pembayaran yang dibuat hari ini"),
    "payments_count": ("{count} payments", "{count} pembayaran"),
    "payment_status": ("Status", "Status"),
    "count": ("Payments", "Pembayaran"),
    "value": ("Amount", "Jumlah"),
    "hour_or_day": ("From", "Mulai"),
    "rate": ("Authorisation rate", "Tingkat otorisasi"),
    "rate_last_week": (
        "{rate} on this weekday last week, by this time",
        "{rate} pada hari yang sama minggu lalu, sampai jam ini",
    ),
    "rate_none": ("no payments", "tidak ada pembayaran"),
    "today_by_hour": ("Rupiah paid today, by hour", "Rupiah dibayar hari ini, per jam"),
    "today_by_day": (
        "Rupiah paid in the last 14 days, by day",
        "Rupiah dibayar dalam 14 hari terakhir, per hari",
    ),
    "figures": ("The figures as a table", "Angkanya sebagai tabel"),
    "waiting_title": ("Queues", "Antrean"),
    "last_notice": ("Adyen's last notification", "Notifikasi terakhir dari Adyen"),
    "unread_notices": ("Notifications to be read", "Notifikasi belum dibaca"),
    "jobs_queued": ("Jobs that wait for a worker", "Pekerjaan yang menunggu"),
    "events_waiting": ("Events to be delivered", "Peristiwa belum terkirim"),
    "events_failing": ("Deliveries that fail and are retried", "Pengiriman gagal, dicoba lagi"),
    "relay_waiting": ("Notifications to be relayed", "Notifikasi belum diteruskan"),
    "subscriptions_due": ("Subscriptions that are due", "Langganan jatuh tempo"),
    "oldest": ("{count}, the oldest for {seconds} s", "{count}, yang terlama {seconds} dtk"),
    "never": ("none yet", "belum ada"),
}
