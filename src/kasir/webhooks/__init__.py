"""What Adyen tells us: verified and kept at once, read and acted upon later."""
