"""A local, stateful Adyen and GoPay to test against. Not made by, nor affiliated with, either."""
