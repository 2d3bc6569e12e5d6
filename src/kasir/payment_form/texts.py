"""The texts of the shopper's pages in Indonesian and English, and the choice between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

Texts = Mapping[str, str]

INDONESIAN: Final[Texts] = {
    "lang": "id",
    "name": "Bahasa Indonesia",
    "language": "Bahasa",
    "skip": "Langsung ke isi",
    "test_mode": "Mode uji: tanpa uang sungguhan.",
    "secure": "Pembayaran diproses lewat Adyen.",
    "noscript_wait": "Halaman ini memeriksa lagi dengan sendirinya setiap beberapa detik.",
    "look_again": "Periksa lagi",
    # The form.
    "pay_to": "Pembayaran untuk",
    "shop": "toko",
    "shop_logo": "Logo {shop}",
    "support": "Bantuan",
    "terms": "Syarat dan ketentuan",
    "page_title": "Bayar {amount} ke {shop}",
    "order": "No. pesanan",
    "basket": "Rincian pesanan",
    "total": "Total",
    "item": "Barang",
    "each": "{quantity} × {amount}",  # noqa: RUF001  # The multiplication sign.
    "method": "Metode pembayaran",
    "logo": "Logo {method}",
    "how": "Anda akan dibawa ke {method} untuk menyetujui pembayaran, lalu kembali ke sini.",
    "pay": "Bayar {amount} dengan {method}",
    "opening": "Membuka {method}…",
    "started": "Pembayaran ini sudah dimulai. Lanjutkan di {method}; Anda tidak akan membayar "
    "dua kali.",
    "continue": "Lanjutkan di {method}",
    "back_to_shop": "Kembali ke toko",
    "valid_until": "Berlaku sampai",
    # A wallet saved before.
    "saved": "{method} tersimpan",
    "saved_since": "Sejak {date}",
    "date": "{day} {month} {year}",
    "moment": "{day} pukul {time} WIB",
    "months": "Jan Feb Mar Apr Mei Jun Jul Agu Sep Okt Nov Des",
    "other": "Pakai {method} lain",
    "remove": "Hapus",
    "remove_which": "Hapus {method} yang disimpan {date}",
    "remove_title": "Hapus {method} yang tersimpan?",
    "remove_text": "{method} ini disimpan {date}. Setelah dihapus, {shop} tidak dapat lagi "
    "menagihnya. Anda tetap dapat membayar dengan {method} seperti biasa.",
    "remove_do": "Ya, hapus",
    "removing": "Menghapus…",
    "keep": "Tidak, simpan saja",
    "not_removed_title": "Belum terhapus",
    "not_removed_text": "Kami belum mendapat jawaban. Tunggu sebentar, lalu tekan lagi.",
    "removed_title": "{method} yang tersimpan sudah dihapus",
    "removed_text": "Anda tetap dapat membayar dengan {method} seperti biasa.",
    "gone_title": "{method} yang tersimpan tidak berlaku lagi",
    "gone_text": "Tidak ada uang yang dibayarkan. Silakan bayar dengan {method} seperti biasa.",
    # Saving a wallet. The texts that were shown are stored unchanged with the payment.
    "ask_card_on_file": "Simpan {method} saya di {shop} untuk pembayaran berikutnya. PIN saya "
    "tetap diminta setiap kali.",
    "inform_card_on_file": "{method} Anda akan disimpan di {shop} untuk pembayaran berikutnya. PIN "
    "Anda tetap diminta setiap kali.",
    "ask_subscription": "Simpan {method} saya. {Shop} boleh menagihnya lagi tanpa meminta PIN "
    "saya.",
    "inform_subscription": "{method} Anda akan disimpan, dan {shop} boleh menagihnya lagi tanpa "
    "meminta PIN Anda.",
    "plan_what": "Untuk: {description}.",
    "plan_often": "Paling sering sekali dalam {days} hari.",
    "plan_often_one": "Paling sering sekali sehari.",
    "plan_unknown": "Jumlah dan waktunya sesuai kesepakatan dengan {shop}.",
    # Reasons why the order cannot be paid now.
    "not_offered_title": "{method} belum tersedia untuk pesanan ini",
    "not_offered_text": "Silakan kembali ke toko dan pilih cara bayar yang lain.",
    "no_answer_title": "{method} sedang tidak dapat dihubungi",
    "no_answer_text": "Tidak ada uang yang dibayarkan. Tunggu sebentar, lalu coba lagi.",
    "try_again": "Coba lagi",
    "link_over_title": "Tautan pembayaran ini sudah tidak berlaku",
    "link_over_text": "Masa berlakunya habis, atau toko menariknya kembali. Mintalah tautan baru "
    "kepada toko.",
    "not_found_title": "Halaman ini tidak ditemukan",
    "not_found_text": "Periksa lagi alamatnya, atau mintalah tautan baru kepada toko.",
    "not_payable_title": "Pesanan ini tidak dapat dibayar di sini",
    "not_payable_text": "Ada yang perlu diperbaiki oleh toko. Tidak ada uang yang dibayarkan. "
    "Silakan hubungi toko.",
    "wrong_title": "Permintaan ini tidak dapat dipahami",
    "wrong_text": "Kembali ke halaman sebelumnya, lalu coba lagi.",
    "too_many_title": "Terlalu banyak percobaan",
    "too_many_text": "Tunggu satu menit, lalu coba lagi. Pembayaran yang sudah dimulai tetap aman.",
    "broken_title": "Ada gangguan di pihak kami",
    "broken_text": "Gangguan ini sudah kami catat. Pembayaran yang sudah dimulai tetap aman. "
    "Tunggu sebentar, lalu muat ulang halaman ini.",
    # The status of a payment.
    "paid_title": "Pembayaran berhasil",
    "paid_text": "Terima kasih. {Shop} sudah menerima pembayaran Anda.",
    "paid_going": "Anda akan kembali ke toko sebentar lagi.",
    "paid_on": "Dibayar",
    "paid_with": "Dengan",
    "paid_number": "No. transaksi",
    "print": "Cetak atau simpan",
    "waiting_title": "Menunggu kabar dari {method}",
    "waiting_text": "Pembayaran Anda sedang dikonfirmasi. Ini biasanya hanya beberapa detik, dan "
    "halaman ini berubah dengan sendirinya.",
    "waiting_more": "Belum menyetujuinya di {method}?",
    "pending_title": "Pembayaran sedang diproses",
    "pending_text": "{method} sudah menerimanya dan belum selesai. Halaman ini berubah dengan "
    "sendirinya. Jangan membayar dua kali.",
    "checking_title": "Kami sedang memeriksa pembayaran Anda",
    "checking_text": "Jawaban dari {method} belum kami terima. Jangan membayar dua kali: kami "
    "menanyakan pembayaran yang sama sampai hasilnya jelas.",
    "ask_again": "Tanyakan lagi",
    "closing_title": "Waktu di {method} habis; kami sedang memeriksa",
    "closing_text": "Waktu untuk menyetujui pembayaran ini sudah lewat. Jika Anda sudah "
    "menyetujuinya di {method}, tunggu saja dan jangan membayar lagi. Jika belum, tunggu "
    "sebentar: halaman ini akan menunjukkan apa yang dapat Anda lakukan.",
    "closing_again": "Waktu untuk menyetujui pembayaran ini sudah lewat, dan kami belum mendengar "
    "bahwa Anda sudah membayar. Jika Anda sudah menyetujuinya di {method}, jangan membayar lagi "
    "dan hubungi toko. Jika belum, Anda dapat mencoba lagi.",
    "refused_title": "Pembayaran tidak berhasil",
    "refused_text": "Tidak ada uang yang dibayarkan. Anda dapat mencoba lagi.",
    "balance_advice": "Saldo {method} Anda tidak cukup, dan tidak ada uang yang dibayarkan. Isi "
    "saldo di aplikasi {method}, lalu coba lagi; atau kembali ke toko dan pilih cara bayar yang "
    "lain.",
    "limit_advice": "Jumlah ini melebihi batas {method}, dan tidak ada uang yang dibayarkan. "
    "Periksa batas Anda di aplikasi {method}, atau kembali ke toko dan pilih cara bayar yang lain.",
    "cancelled_title": "Pembayaran dibatalkan",
    "cancelled_text": "Tidak ada uang yang dibayarkan. Anda dapat mencoba lagi kapan saja selama "
    "tautan ini berlaku.",
    "expired_title": "Waktu pembayaran habis",
    "expired_text": "Tidak ada uang yang dibayarkan. Anda dapat memulai lagi.",
    "failed_title": "Pembayaran tidak dapat dimulai",
    "failed_text": "Tidak ada uang yang dibayarkan. Coba lagi, atau hubungi toko jika tetap "
    "tidak bisa.",
    "over_text": "Tidak ada uang yang dibayarkan. Tautan ini sudah tidak berlaku; mintalah yang "
    "baru kepada toko.",
    # The redirect to the wallet by POST, and to its app.
    "leaving_title": "Membuka {method}",
    "leaving_text": "Jika halaman {method} tidak terbuka sendiri, tekan tombol di bawah.",
    "app_title": "Membuka aplikasi {method}",
    "app_text": "Setujui pembayaran di aplikasi {method}, lalu kembali ke sini. Jika aplikasinya "
    "tidak terbuka sendiri, tekan tombol di bawah.",
    "app_open": "Buka aplikasi {method}",
    "app_done": "Lihat status pembayaran",
}

ENGLISH: Final[Texts] = {
    "lang": "en",
    "name": "English",
    "language": "Language",
    "skip": "Skip to content",
    "test_mode": "Test mode: no real money moves.",
    "secure": "Payments are processed through Adyen.",
    "noscript_wait": "This page looks again by itself every few seconds.",
    "look_again": "Look again",
    "pay_to": "Payment to",
    "shop": "the shop",
    "shop_logo": "Logo of {shop}",
    "support": "Help",
    "terms": "Terms and conditions",
    "page_title": "Pay {amount} to {shop}",
    "order": "Order no.",
    "basket": "Your order",
    "total": "Total",
    "item": "Item",
    "each": "{quantity} × {amount}",  # noqa: RUF001  # The multiplication sign.
    "method": "Payment method",
    "logo": "{method} logo",
    "how": "You will be taken to {method} to approve the payment, and then brought back here.",
    "pay": "Pay {amount} with {method}",
    "opening": "Opening {method}…",
    "started": "This payment has been started. Continue in {method}; you will not pay twice.",
    "continue": "Continue in {method}",
    "back_to_shop": "Back to the shop",
    "valid_until": "Valid until",
    "saved": "{method} saved",
    "saved_since": "Since {date}",
    "date": "{day} {month} {year}",
    "moment": "{day}, {time} WIB",
    "months": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
    "other": "Use another {method}",
    "remove": "Remove",
    "remove_which": "Remove the {method} saved on {date}",
    "remove_title": "Remove your saved {method}?",
    "remove_text": "This {method} was saved on {date}. Once it is removed, {shop} can no longer "
    "charge it. You can still pay with {method} in the usual way.",
    "remove_do": "Yes, remove it",
    "removing": "Removing…",
    "keep": "No, keep it",
    "not_removed_title": "Not removed yet",
    "not_removed_text": "We have not had an answer. Wait a moment, then press again.",
    "removed_title": "Your saved {method} has been removed",
    "removed_text": "You can still pay with {method} in the usual way.",
    "gone_title": "Your saved {method} can no longer be used",
    "gone_text": "Nothing was paid. Please pay with {method} in the usual way.",
    "ask_card_on_file": "Save my {method} at {shop} for next time. I will still be asked for my "
    "PIN each time.",
    "inform_card_on_file": "Your {method} will be saved at {shop} for next time. You will still be "
    "asked for your PIN each time.",
    "ask_subscription": "Save my {method}. {Shop} may charge it again without asking for my PIN.",
    "inform_subscription": "Your {method} will be saved, and {shop} may charge it again without "
    "asking for your PIN.",
    "plan_what": "What for: {description}.",
    "plan_often": "At most once in {days} days.",
    "plan_often_one": "At most once a day.",
    "plan_unknown": "How much and when is as agreed with {shop}.",
    "not_offered_title": "{method} is not available for this order",
    "not_offered_text": "Please go back to the shop and choose another way to pay.",
    "no_answer_title": "{method} cannot be reached just now",
    "no_answer_text": "Nothing was paid. Wait a moment, then try again.",
    "try_again": "Try again",
    "link_over_title": "This payment link is no longer valid",
    "link_over_text": "Its time has run out, or the shop has withdrawn it. Please ask the shop "
    "for a new one.",
    "not_found_title": "This page was not found",
    "not_found_text": "Check the address, or ask the shop for a new link.",
    "not_payable_title": "This order cannot be paid here",
    "not_payable_text": "The shop needs to put something right. Nothing was paid. Please contact "
    "the shop.",
    "wrong_title": "This request could not be understood",
    "wrong_text": "Go back to the page before, and try again.",
    "too_many_title": "Too many tries",
    "too_many_text": "Wait a minute, and try again. A payment that was started is safe.",
    "broken_title": "Something went wrong on our side",
    "broken_text": "We have made a note of it. A payment that was started is safe. Wait a moment, "
    "then reload this page.",
    "paid_title": "Payment successful",
    "paid_text": "Thank you. {Shop} has received your payment.",
    "paid_going": "You will be back at the shop in a moment.",
    "paid_on": "Paid on",
    "paid_with": "With",
    "paid_number": "Transaction no.",
    "print": "Print or save",
    "waiting_title": "Waiting for word from {method}",
    "waiting_text": "Your payment is being confirmed. This usually takes a few seconds, and this "
    "page changes by itself.",
    "waiting_more": "Have you not approved it in {method} yet?",
    "pending_title": "Your payment is being processed",
    "pending_text": "{method} has it and is not done yet. This page changes by itself. Please do "
    "not pay twice.",
    "checking_title": "We are checking your payment",
    "checking_text": "We have not heard back from {method} yet. Please do not pay twice: we keep "
    "asking about the same payment until the outcome is clear.",
    "ask_again": "Ask again",
    "closing_title": "The time in {method} ran out; we are checking",
    "closing_text": "The time to approve this payment is over. If you approved it in {method}, "
    "just wait, and do not pay again. If you did not, wait a moment: this page will show what you "
    "can do.",
    "closing_again": "The time to approve this payment is over, and we have not heard that you "
    "paid. If you approved it in {method}, do not pay again, and contact the shop. If you did "
    "not, you can try again.",
    "refused_title": "Payment not successful",
    "refused_text": "Nothing was paid. You can try again.",
    "balance_advice": "Your {method} balance is not enough, and nothing was paid. Top up in the "
    "{method} app and try again; or go back to the shop and choose another way to pay.",
    "limit_advice": "This amount is above what {method} lets you pay, and nothing was paid. Look "
    "at your limit in the {method} app, or go back to the shop and choose another way to pay.",
    "cancelled_title": "Payment cancelled",
    "cancelled_text": "Nothing was paid. You can try again for as long as this link is valid.",
    "expired_title": "The time to pay ran out",
    "expired_text": "Nothing was paid. You can start again.",
    "failed_title": "The payment could not be started",
    "failed_text": "Nothing was paid. Try again, or contact the shop if it still does not work.",
    "over_text": "Nothing was paid. This link is no longer valid; please ask the shop for a new "
    "one.",
    "leaving_title": "Opening {method}",
    "leaving_text": "If the {method} page does not open by itself, press the button below.",
    "app_title": "Opening the {method} app",
    "app_text": "Approve the payment in the {method} app, then come back here. If the app does not "
    "open by itself, press the button below.",
    "app_open": "Open the {method} app",
    "app_done": "See how the payment stands",
}

#: The texts by the code of the language; the first language is the default.
LANGUAGES: Final[Mapping[str, Texts]] = {"id": INDONESIAN, "en": ENGLISH}

#: Old Android phones send the code that Indonesian had before 1989 (ISO 639).
_OLD_CODES: Final = {"in": "id"}
#: How many languages of an Accept-Language header are read.
_PREFERENCES_MAX: Final = 20


def language_of(accept_language: str, chosen: str = "", locale: str = "") -> str:
    """Choose the language: the one picked on a page, or else the link's, or else the browser's.

    The default is Indonesian.

    Args:
        accept_language: The browser's header of that name.
        chosen: The language that the shopper picked on a page; empty if none.
        locale: The link's `shopperLocale`, such as `id-ID`; empty if there is none.
    """
    if chosen in LANGUAGES:
        return chosen
    if (language := _language(locale)) in LANGUAGES:
        return language
    ranked = sorted(_preferences(accept_language), key=lambda pair: -pair[0])
    wanted = (language for weight, language in ranked if weight > 0 and language in LANGUAGES)
    return next(wanted, next(iter(LANGUAGES)))


def _preferences(accept_language: str) -> Iterator[tuple[float, str]]:
    """Yield the weight and the code of each language in an Accept-Language header."""
    for part in accept_language.split(",")[:_PREFERENCES_MAX]:
        tag, _, quality = part.partition(";")
        name, _, weight = quality.strip().partition("=")
        try:
            yield float(weight) if name == "q" else 1.0, _language(tag)
        except ValueError:
            continue


def _language(tag: str) -> str:
    """Return the language of a tag such as `id-ID`, or `en_US` as some shops write it."""
    language = tag.strip().lower().replace("_", "-").split("-")[0]
    return _OLD_CODES.get(language, language)
