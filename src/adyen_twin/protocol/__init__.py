"""Adyen's rules: errors, limits, checks and signatures."""
