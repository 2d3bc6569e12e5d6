"""The domain: what a payment is and what is known of it. It has never heard of any wallet."""
