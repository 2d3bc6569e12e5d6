"""Texts of the pages of shoppers, links and disputes, each in English and in Indonesian."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "shopper_intro": (
        "Look up a shopper by the shop's own reference.",
        "Cari pembeli menurut referensi toko.",
    ),
    "tokens": ("Saved GoPay accounts", "Akun GoPay tersimpan"),
    "model": ("Saved for", "Disimpan untuk"),
    "token_active": ("active", "aktif"),
    "token_disabled": ("disabled", "nonaktif"),
    "all_payments": ("All payments of this shopper", "Semua pembayaran pembeli ini"),
    "act_token.disable": ("Remove the saved GoPay", "Hapus GoPay tersimpan"),
    "token_disable_look": (
        "It is removed at Adyen. It and the subscriptions with it cannot be charged again.",
        "GoPay ini dihapus di Adyen. GoPay dan langganannya tidak dapat ditagih lagi.",
    ),
    "done_token_disabled": ("The saved GoPay is removed.", "GoPay tersimpan sudah dihapus."),
    # Links.
    "new_link": ("Make a link", "Buat tautan"),
    "description": ("Description", "Keterangan"),
    "email": ("Email", "Email"),
    "expires": ("Expires", "Kedaluwarsa"),
    "expires_wib": ("Expires (WIB)", "Kedaluwarsa (WIB)"),
    "expires_hint": ("After a day if empty.", "Setelah satu hari bila kosong."),
    "withdrawn": ("Withdrawn", "Ditarik"),
    "link_active": ("active", "aktif"),
    "link_paymentPending": ("payment pending", "pembayaran tertunda"),
    "link_completed": ("paid", "dibayar"),
    "link_expired": ("expired", "kedaluwarsa"),
    "act_link.create": ("Make the link", "Buat tautan"),
    "act_link.withdraw": ("Withdraw the link", "Tarik tautan"),
    "look_link.withdraw": (
        "Nobody can pay this link any more, and its open payments are cancelled.",
        "Tautan ini tidak dapat dibayar lagi, dan pembayarannya yang terbuka dibatalkan.",
    ),
    "done_link_created": (
        "The link is made. Send its address to the shopper.",
        "Tautan sudah dibuat. Kirim alamatnya ke pembeli.",
    ),
    "done_link_withdrawn": ("The link is withdrawn.", "Tautan sudah ditarik."),
    # Disputes.
    "disputes_intro": (
        "What Adyen's messages say of disputes. They are answered in Adyen's Customer Area.",
        "Isi pesan Adyen tentang sengketa. Sengketa dijawab di Customer Area Adyen.",
    ),
    "dispute": ("Dispute", "Sengketa"),
    "opened": ("Opened", "Dibuka"),
    "due_by": ("Due by", "Batas waktu"),
    "todo": ("What to do", "Yang harus dilakukan"),
    "not_said": ("Adyen did not say", "Tidak disebut Adyen"),
    "dispute_open": ("open", "terbuka"),
    "dispute_charged_back": ("charged back", "ditagih balik"),
    "dispute_reversed": ("won", "dimenangkan"),
    "dispute_lost": ("lost", "kalah"),
    "todo_defend": (
        "In Customer Area, search for {name}, and accept or defend it before it is due.",
        "Di Customer Area, cari {name}, lalu terima atau bela sebelum batas waktu.",
    ),
    "todo_look_up": (
        "In Customer Area, search for {name}: see whether it can be defended, and until when.",
        "Di Customer Area, cari {name}: lihat apakah dapat dibela, dan sampai kapan.",
    ),
    "todo_wait": (
        "The time to defend has passed. Wait for the decision.",
        "Waktu pembelaan sudah lewat. Tunggu keputusannya.",
    ),
    "todo_nothing": ("Nothing: it is decided.", "Tidak ada: sudah diputuskan."),
}
