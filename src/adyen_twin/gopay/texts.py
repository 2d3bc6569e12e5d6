"""The texts of the GoPay pages, in Indonesian and in English."""

from __future__ import annotations

from typing import Final

INDONESIAN: Final = {
    "lang": "id",
    "title": "Bayar dengan GoPay",
    "simulation": "Simulasi. Bukan GoPay, dan tidak ada uang yang berpindah.",
    "pay_to": "Bayar ke",
    "order": "Pesanan",
    "total": "Total",
    "balance": "Saldo GoPay",
    "not_enough": "Saldo tidak cukup untuk pembayaran ini.",
    "enter_pin": "Masukkan PIN GoPay",
    "pin_hint": "PIN dompet simulasi ini adalah {pin}.",
    "wrong_pin": "PIN salah. Sisa percobaan: {left}.",
    "consent_subscription": "Toko ini boleh menagih GoPay Anda lagi tanpa PIN.",
    "consent_card_on_file": "GoPay Anda disimpan di toko ini. PIN tetap diminta.",
    "other_account": "Pakai akun GoPay lain",
    "account": "Akun GoPay",
    "app_title": "Toko yang terhubung",
    "app_how": "Toko-toko ini boleh menagih GoPay Anda. Putuskan bila tidak perlu lagi.",
    "app_empty": "Tidak ada toko yang terhubung.",
    "unlink": "Putuskan",
    "approve": "Bayar",
    "cancel": "Batal",
    "erase": "Hapus angka terakhir",
    "tools": "Untuk pengujian",
    "approve_without_return": "Bayar, lalu tutup tanpa kembali ke toko",
    "refuse": "Tolak pembayaran",
    "expire": "Biarkan kedaluwarsa",
    "scan": "Pindai dengan kamera ponsel",
    "scan_how": "Buka kamera di ponsel, arahkan ke kode ini, lalu setujui dengan PIN. "
    "Halaman ini akan kembali ke toko dengan sendirinya.",
    "qr_label": "Kode QR yang membuka halaman GoPay di ponsel",
    "open_phone": "Buka halaman ponsel di sini",
    "no_phone": "Alamat ini hanya ada di komputer ini, jadi ponsel tidak dapat membukanya.",
    "waiting": "Menunggu persetujuan di ponsel…",
    "look_again": "Sudah disetujui? Lanjutkan",
    "authorised": "Pembayaran berhasil",
    "authorised_more": "Anda boleh menutup halaman ini.",
    "refused": "Pembayaran ditolak",
    "refused_more": "Tidak ada uang yang dibayarkan.",
    "cancelled": "Pembayaran dibatalkan",
    "cancelled_more": "Tidak ada uang yang dibayarkan.",
    "expired": "Waktu pembayaran habis",
    "expired_more": "Mulai lagi dari toko.",
    "back": "Kembali ke toko",
    "going_back": "Kembali ke toko…",
    "unknown": "Pembayaran ini tidak ditemukan",
    "unknown_more": "Alamatnya salah, atau formulirnya tidak lengkap.",
}

ENGLISH: Final = {
    "lang": "en",
    "title": "Pay with GoPay",
    "simulation": "Simulation. This is not GoPay, and no money moves.",
    "pay_to": "Pay to",
    "order": "Order",
    "total": "Total",
    "balance": "GoPay balance",
    "not_enough": "The balance is not enough for this payment.",
    "enter_pin": "Enter your GoPay PIN",
    "pin_hint": "The PIN of this simulated wallet is {pin}.",
    "wrong_pin": "Wrong PIN. Tries left: {left}.",
    "consent_subscription": "This shop may charge your GoPay again without a PIN.",
    "consent_card_on_file": "Your GoPay is saved at this shop. The PIN is still asked for.",
    "other_account": "Use another GoPay account",
    "account": "GoPay account",
    "app_title": "Linked shops",
    "app_how": "These shops may charge your GoPay. Unlink those you no longer need.",
    "app_empty": "No shop is linked.",
    "unlink": "Unlink",
    "approve": "Pay",
    "cancel": "Cancel",
    "erase": "Erase the last digit",
    "tools": "For testing",
    "approve_without_return": "Pay, then close without returning to the shop",
    "refuse": "Refuse the payment",
    "expire": "Let it expire",
    "scan": "Scan with your phone",
    "scan_how": "Open your phone's camera, point it at this code, and approve with your PIN. "
    "This page then returns to the shop by itself.",
    "qr_label": "QR code that opens the GoPay page on a phone",
    "open_phone": "Open the phone page here",
    "no_phone": "This address exists on this computer only, so no phone can open it.",
    "waiting": "Waiting for approval on the phone…",
    "look_again": "Approved it? Go on",
    "authorised": "Payment successful",
    "authorised_more": "You may close this page.",
    "refused": "Payment refused",
    "refused_more": "Nothing was paid.",
    "cancelled": "Payment cancelled",
    "cancelled_more": "Nothing was paid.",
    "expired": "The time to pay ran out",
    "expired_more": "Start again at the shop.",
    "back": "Back to the shop",
    "going_back": "Returning to the shop…",
    "unknown": "This payment was not found",
    "unknown_more": "The address is wrong, or the form is incomplete.",
}


def texts_for(accept_language: str) -> dict[str, str]:
    """Return the texts for an Accept-Language header: Indonesian, unless it prefers English."""
    preferred = sorted(_preferences(accept_language), reverse=True)
    for _, language in preferred:
        if language in ("id", "in"):  # Old Android versions use `in` for Indonesian.
            return INDONESIAN
        if language == "en":
            return ENGLISH
    return INDONESIAN


def _preferences(accept_language: str) -> list[tuple[float, str]]:
    """Return the weight and the language of each valid part of the header."""
    preferences = []
    for part in accept_language.split(","):
        tag, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        preferences.append((weight, tag.partition("-")[0].lower()))
    return preferences


def rupiah(value: int) -> str:
    """Return an amount in rupiah as Indonesians write it: Rp25.000."""
    return f"Rp{value:,}".replace(",", ".")
