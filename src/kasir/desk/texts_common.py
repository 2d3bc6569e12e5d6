"""Words that several pages of the desk share, each in English and in Indonesian."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "amount": ("Amount", "Jumlah"),
    "state": ("Status", "Status"),
    "created": ("Created", "Dibuat"),
    "reference": ("Reference", "Referensi"),
    "psp_reference": ("PSP reference", "Referensi PSP"),
    "payment": ("Payment", "Pembayaran"),
    "shopper": ("Shopper reference", "Referensi pembeli"),
    "subscription": ("Subscription", "Langganan"),
    "token": ("Saved GoPay", "GoPay tersimpan"),
    "plan": ("Plan", "Paket"),
    "event": ("Event", "Kejadian"),
    "why": ("Why", "Sebab"),
    "when": ("When", "Kapan"),
    "amount_rupiah": ("Amount in rupiah", "Jumlah dalam rupiah"),
    "return_url": ("Where the shopper returns to", "Alamat kembali pembeli"),
    "link_to_send": ("The address to send", "Alamat untuk dikirim"),
    "pay_created": ("created", "dibuat"),
    "pay_unknown": ("unknown", "tidak diketahui"),
    "pay_awaiting_shopper": ("awaiting shopper", "menunggu pembeli"),
    "pay_pending": ("pending", "tertunda"),
    "pay_authorised": ("paid", "dibayar"),
    "pay_refused": ("refused", "ditolak"),
    "pay_cancelled": ("cancelled", "dibatalkan"),
    "pay_expired": ("expired", "kedaluwarsa"),
    "pay_failed": ("failed", "gagal"),
}
