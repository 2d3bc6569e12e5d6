"""Kasir over HTTP: routes by noun. Nothing here decides about money."""
