"""What happens at Adyen and GoPay: payments, tokens, wallets and modifications."""
