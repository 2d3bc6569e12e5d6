"""Adyen's APIs over HTTP."""
