"""The shopper's pages: Adyen's redirect, GoPay on a phone or as a QR code, the unlink page.

`pages` is every route and what it shows; `texts` is what the pages say in Indonesian and in
English; `templates` and `static` are the HTML, CSS and JavaScript. The pages work without
JavaScript.

What a shopper does is carried out by `simulation.shopper`, the same as for a program.
May import: `http_types` and below. Not `api`, not `controls`.
"""
