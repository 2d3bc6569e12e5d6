"""Kasir takes GoPay through Adyen."""
