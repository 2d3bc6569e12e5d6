"""The shopper's pages: Adyen's redirect, GoPay on a phone or as a QR code, the unlink page.

`pages` has the routes; `texts` has the texts of the pages in Indonesian and in English;
`templates` and `static` have the HTML, CSS and JavaScript. The pages work without JavaScript.

The actions of a shopper are functions of `simulation.shopper`, which programs use too.
May import: `http_types` and below. Not `api`, not `controls`.
"""
