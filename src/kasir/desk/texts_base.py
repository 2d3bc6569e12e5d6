"""Texts that all pages of the desk share: each in English and in Indonesian."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "language_name": ("English", "Bahasa Indonesia"),
    "language": ("Language", "Bahasa"),
    "skip": ("Skip to content", "Langsung ke isi"),
    "desk": ("Kasir desk", "Meja Kasir"),
    "test_mode": ("Test mode: no real money.", "Mode uji: tanpa uang sungguhan."),
    "menu": ("Menu", "Menu"),
    # The navigation.
    "nav_today": ("Today", "Hari ini"),
    "nav_payments": ("Payments", "Pembayaran"),
    "nav_deliveries": ("Deliveries", "Pengiriman"),
    "nav_notices": ("Notices", "Notifikasi"),
    "nav_tokens": ("Shoppers", "Pembeli"),
    "nav_subscriptions": ("Subscriptions", "Langganan"),
    "nav_plans": ("Plans", "Paket"),
    "nav_links": ("Links", "Tautan"),
    "nav_disputes": ("Disputes", "Sengketa"),
    "nav_payouts": ("Payouts", "Pencairan"),
    "nav_cases": ("Cases", "Kasus"),
    "nav_doctor": ("Health", "Kesehatan"),
    "nav_people": ("People", "Orang"),
    "nav_audit": ("Audit log", "Log audit"),
    "nav_settings": ("Settings", "Pengaturan"),
    # Signing in and out.
    "sign_in": ("Sign in", "Masuk"),
    "sign_out": ("Sign out", "Keluar"),
    "signed_in_as": ("Signed in as {name}", "Masuk sebagai {name}"),
    "account": ("Merchant account", "Akun merchant"),
    "switch_account": ("Switch", "Ganti"),
    "my_sign_in": ("My sign-in", "Data masuk saya"),
    "name": ("Name", "Nama"),
    "password": ("Password", "Kata sandi"),
    "code": ("Code of your app", "Kode dari aplikasi"),
    "code_hint": (
        "Only if you use a second factor.",
        "Hanya bila Anda memakai faktor kedua.",
    ),
    "wrong_sign_in": (
        "The name, the password or the code is wrong.",
        "Nama, kata sandi, atau kode salah.",
    ),
    "slowed_sign_in": (
        "There were too many wrong passwords. Try again in {wait_s} seconds.",
        "Terlalu banyak kata sandi yang salah. Coba lagi dalam {wait_s} detik.",
    ),
    # Acts.
    "reason": ("Reason", "Alasan"),
    "reason_hint": ("It is kept in the audit log.", "Dicatat di log audit."),
    "reason_missing": ("Give a reason.", "Beri alasan."),
    "second_look_title": ("Look once more", "Periksa sekali lagi"),
    "confirm": ("Yes, do it", "Ya, lakukan"),
    "cancel": ("Back", "Kembali"),
    "act_refused": ("This was not done", "Ini tidak dilakukan"),
    # Tables.
    "filter": ("Show", "Tampilkan"),
    "clear_filter": ("Show all", "Tampilkan semua"),
    "newer": ("First page", "Halaman pertama"),
    "older": ("Next page", "Halaman berikutnya"),
    "empty": ("There is nothing here.", "Tidak ada apa-apa di sini."),
    "any": ("Any", "Semua"),
    "actions": ("Actions", "Tindakan"),
    "yes": ("yes", "ya"),
    "no": ("no", "tidak"),
    "at": ("When", "Waktu"),
    "months": (
        "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
        "Jan Feb Mar Apr Mei Jun Jul Agu Sep Okt Nov Des",
    ),
    # Errors.
    "not_found_title": ("There is no such page", "Halaman tidak ditemukan"),
    "not_found_text": ("Check the address.", "Periksa alamatnya."),
    "forbidden_title": ("You may not do this", "Anda tidak boleh melakukan ini"),
    "forbidden_text": (
        "Your role does not allow it, or you switched accounts. Reload the page and try again.",
        "Peran Anda tidak mengizinkannya, atau Anda mengganti akun. Muat ulang halaman.",
    ),
    "wrong_title": ("This could not be read", "Ini tidak dapat dibaca"),
    "wrong_text": ("Go back and try again.", "Kembali dan coba lagi."),
    "broken_title": ("Something went wrong", "Terjadi kesalahan"),
    "broken_text": (
        "Kasir has logged why. Try again in a moment.",
        "Kasir telah mencatat sebabnya. Coba lagi sebentar lagi.",
    ),
    "no_role_title": ("You have no role here", "Anda belum punya peran di sini"),
    "no_role_text": (
        "You have no role in any merchant account of this Kasir. An admin can give you one.",
        "Anda belum punya peran di akun merchant mana pun. Admin dapat memberikannya.",
    ),
    "to_start": ("To the start page", "Ke halaman awal"),
}
