"""Texts of the pages of people, each in English and in Indonesian."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "people_intro": (
        "Who may see and do what in this merchant account.",
        "Siapa yang boleh melihat dan melakukan apa di akun merchant ini.",
    ),
    "role": ("Role", "Peran"),
    "role_view": ("View: see every page", "Lihat: melihat semua halaman"),
    "role_act": ("Act: refund, resend, pause", "Tindak: mengembalikan dana, mengirim ulang"),
    "role_admin": ("Admin: also people and keys", "Admin: juga orang dan kunci"),
    "second_factor": ("Second factor", "Faktor kedua"),
    "since": ("Since", "Sejak"),
    "is_active": ("May sign in", "Boleh masuk"),
    "add_person": ("Add a person", "Tambah orang"),
    "change_person": ("Change {name}", "Ubah {name}"),
    "act_person.add": ("Add", "Tambah"),
    "act_person.set_role": ("Change role", "Ubah peran"),
    "act_person.remove_role": ("Remove from this account", "Hapus dari akun ini"),
    "act_person.disable": ("Disable sign-in", "Nonaktifkan"),
    "act_person.enable": ("Enable sign-in", "Aktifkan"),
    "act_person.reset_password": ("New password", "Kata sandi baru"),
    "done_role_set": ("The role is changed.", "Peran sudah diubah."),
    "done_role_removed": ("The role is removed.", "Peran sudah dihapus."),
    "done_person_disabled": (
        "Sign-in is disabled, and the person is signed out.",
        "Orang itu tidak dapat masuk lagi, dan sesinya diakhiri.",
    ),
    "done_person_enabled": ("Sign-in is enabled.", "Orang itu dapat masuk lagi."),
    "password_title": ("The password of {name}", "Kata sandi {name}"),
    "password_once": (
        "It is shown only now. The person can change it under “My sign-in”.",
        "Hanya ditampilkan sekarang. Orang itu dapat mengubahnya di “Data masuk saya”.",
    ),
}
