"""The pages of GoPay."""
