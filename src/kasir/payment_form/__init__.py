"""The hosted payment form: the pages that a shopper sees."""
