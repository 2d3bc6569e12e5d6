"""Texts of the pages of deliveries and notices, each in English and in Indonesian."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "deliveries_intro": (
        "Every event and relayed notification that Kasir sends to the shop, and each try.",
        "Setiap kejadian dan notifikasi yang Kasir kirim ke toko, dan setiap percobaannya.",
    ),
    "delivery": ("Delivery", "Pengiriman"),
    "to": ("To", "Ke"),
    "address_events": ("Events", "Kejadian"),
    "address_relay": ("Relay to your Adyen handler", "Terusan ke sistem Adyen Anda"),
    "address_unset": ("No address is set.", "Alamat belum diatur."),
    "waiting": ("Waiting", "Menunggu"),
    "waiting_since": ("The oldest waits since", "Yang tertua menunggu sejak"),
    "last_try": ("Last try", "Percobaan terakhir"),
    "paused": ("paused", "dijeda"),
    "paused_since": ("Paused since", "Dijeda sejak"),
    "about": ("About", "Tentang"),
    "tries": ("Tries", "Percobaan"),
    "answer": ("Answer", "Jawaban"),
    "delivery_waiting": ("waiting", "menunggu"),
    "delivery_delivered": ("delivered", "terkirim"),
    "delivery_given_up": ("given up", "dihentikan"),
    "delivery_skipped": ("left out by the settings", "dilewati oleh pengaturan"),
    "delivery_dropped": ("removed from the queue", "dihapus dari antrean"),
    "act_delivery.resend": ("Send again", "Kirim ulang"),
    "act_delivery.resend_since": ("Send again since a time", "Kirim ulang sejak suatu waktu"),
    "act_address.pause": ("Pause", "Jeda"),
    "act_address.resume": ("Resume", "Lanjutkan"),
    "resend_intro": (
        "It is sent with the same id, so a shop that has it can recognise it.",
        "Dikirim dengan id yang sama, sehingga toko dapat mengenalinya.",
    ),
    "resend_since_intro": (
        "Everything that was accepted or given up since then is sent once more, with the same ids.",
        "Semua yang diterima atau dihentikan sejak itu dikirim sekali lagi, dengan id yang sama.",
    ),
    "resend_since_look": (
        "Everything that was accepted or given up since then is sent to the shop once more.",
        "Semua yang diterima atau dihentikan sejak itu dikirim sekali lagi ke toko.",
    ),
    "until": ("Until", "Sampai"),
    "since_wib": ("Since (WIB)", "Sejak (WIB)"),
    "until_wib": ("Until (WIB); now if empty", "Sampai (WIB); sekarang bila kosong"),
    "since_missing": ("give the beginning of the time.", "beri waktu mulainya."),
    "resent_count": ("{count} are sent again.", "{count} dikirim ulang."),
    "resent_left": (
        "There are more, since {since}: send them again from then on.",
        "Masih ada yang lain, sejak {since}: kirim ulang mulai saat itu.",
    ),
    "done_delivery_resent": ("It is sent again.", "Dikirim ulang."),
    "done_address_paused": (
        "Nothing is sent to the address until you resume it. What is for it waits.",
        "Tidak ada yang dikirim ke alamat itu sampai dilanjutkan. Semuanya menunggu.",
    ),
    "done_address_resumed": (
        "The address is sent to again, first what has waited.",
        "Pengiriman ke alamat itu dilanjutkan, mulai dari yang menunggu.",
    ),
    # Notices.
    "notices_intro": (
        "Adyen's notifications as they came, and what became of each.",
        "Notifikasi Adyen sebagaimana diterima, dan apa yang terjadi pada masing-masing.",
    ),
    "notice": ("Notice", "Notifikasi"),
    "event_code": ("Event code", "Kode kejadian"),
    "success": ("Success", "Berhasil"),
    "received": ("Received", "Diterima"),
    "notice.unread": ("not read yet", "belum dibaca"),
    "notice.read": ("read", "dibaca"),
    "notice.ignored": ("ignored", "diabaikan"),
    "notice.unheard_of": ("unknown event code", "kode tidak dikenal"),
    "notice.foreign": ("another system's", "milik sistem lain"),
    "notice.waiting": ("waiting for its payment", "menunggu pembayarannya"),
    "notice.held": ("held", "ditahan"),
    "raw_message": ("The message", "Pesannya"),
    "raw_masked": (
        "Secrets and personal data are masked.",
        "Rahasia dan data pribadi disamarkan.",
    ),
    "raw_deleted": (
        "It was deleted some time after it was read.",
        "Pesan dihapus beberapa waktu setelah dibaca.",
    ),
    "raw_sealed": (
        "No KASIR_SECRET_KEY opens it.",
        "Tidak ada KASIR_SECRET_KEY yang membukanya.",
    ),
    "replay_intro": (
        "Kasir reads it again, for example after its payment is known.",
        "Kasir membacanya lagi, misalnya setelah pembayarannya diketahui.",
    ),
    "act_notice.replay": ("Read again", "Baca lagi"),
    "done_notice_replayed": ("It will be read again.", "Akan dibaca lagi."),
}
