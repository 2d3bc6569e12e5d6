"""Texts of the settings and of one's own sign-in, each in English and in Indonesian."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "settings_intro": (
        "How this account is set up. Secrets are never shown.",
        "Pengaturan akun ini. Rahasia tidak pernah ditampilkan.",
    ),
    "setting": ("Setting", "Pengaturan"),
    "setting_value": ("Value", "Nilai"),
    "setting_unset": ("not set", "tidak diatur"),
    "setting_secret": ("set, and secret", "diatur, rahasia"),
    "setting_secrets": ("{count} values set, and secret", "{count} nilai diatur, rahasia"),
    "accounts": ("Merchant accounts", "Akun merchant"),
    "account_state": ("State", "Keadaan"),
    "account_of_environment": ("served; set in the environment", "dilayani; dari lingkungan"),
    "account_usable": ("served", "dilayani"),
    "account_unusable": (
        "cannot be used; the log has the reason",
        "tidak dapat dipakai; sebabnya ada di log",
    ),
    "api_keys": ("API keys", "Kunci API"),
    "add_key": ("Add a key", "Tambah kunci"),
    "act_api_key.add": ("Add", "Tambah"),
    "act_api_key.withdraw": ("Withdraw", "Cabut"),
    "withdraw_which": ("Withdraw {name}", "Cabut {name}"),
    "withdraw_sentence": (
        "A shop that calls with the key “{name}” is refused within seconds.",
        "Toko yang memakai kunci “{name}” ditolak dalam beberapa detik.",
    ),
    "done_key_withdrawn": ("The key is withdrawn.", "Kunci sudah dicabut."),
    "key_title": ("The key “{name}”", "Kunci “{name}”"),
    "key_once": (
        "It is shown only now. Give it to the shop, which sends it as X-API-Key.",
        "Hanya ditampilkan sekarang. Berikan ke toko, yang mengirimnya sebagai X-API-Key.",
    ),
    # One's own sign-in.
    "change_password": ("Change the password", "Ubah kata sandi"),
    "present_password": ("Present password", "Kata sandi sekarang"),
    "new_password": ("New password", "Kata sandi baru"),
    "new_password_hint": ("12 characters or more.", "12 karakter atau lebih."),
    "act_own.password": ("Change", "Ubah"),
    "done_password_changed": (
        "The password is changed. Your other sessions are ended.",
        "Kata sandi sudah diubah. Sesi Anda yang lain diakhiri.",
    ),
    "factor_off": (
        "You sign in with your password only.",
        "Anda masuk hanya dengan kata sandi.",
    ),
    "factor_on": (
        "You sign in with your password and a code of your app.",
        "Anda masuk dengan kata sandi dan kode dari aplikasi.",
    ),
    "act_own.factor_begin": ("Set up an app", "Siapkan aplikasi"),
    "act_own.factor_confirm": ("Use this app", "Pakai aplikasi ini"),
    "act_own.factor_remove": ("Remove the second factor", "Hapus faktor kedua"),
    "factor_scan": (
        "Read this with your authenticator app, or type the secret into it. Then give its code.",
        "Pindai ini dengan aplikasi autentikator, atau ketik rahasianya. Lalu beri kodenya.",
    ),
    "factor_secret": ("Secret", "Rahasia"),
    "done_factor_on": (
        "From now on you sign in with a code of your app too.",
        "Mulai sekarang Anda masuk juga dengan kode dari aplikasi.",
    ),
    "done_factor_off": ("The second factor is removed.", "Faktor kedua sudah dihapus."),
    # The audit log.
    "audit_intro": (
        "Every act on this desk. Rows are never changed or removed.",
        "Setiap tindakan di sini. Barisnya tidak pernah diubah atau dihapus.",
    ),
    "audit_account": ("Acts in this account", "Tindakan di akun ini"),
    "audit_people": ("Sign-ins and people", "Masuk dan orang"),
    "who": ("Who", "Siapa"),
    "act_name": ("Act", "Tindakan"),
    "subject": ("On", "Pada"),
    "before_after": ("Before and after", "Sebelum dan sesudah"),
    "outcome": ("Outcome", "Hasil"),
    "outcome_started": ("not known", "tidak diketahui"),
    "outcome_done": ("done", "selesai"),
    "outcome_failed": ("failed", "gagal"),
    "nobody": ("unknown name", "nama tak dikenal"),
    "before": ("before", "sebelum"),
    "after": ("after", "sesudah"),
    "act_sign_in": ("Sign in", "Masuk"),
    "act_sign_out": ("Sign out", "Keluar"),
}
