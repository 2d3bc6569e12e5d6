"""A shopper's permission to be charged again."""
