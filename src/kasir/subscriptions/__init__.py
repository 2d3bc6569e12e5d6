"""What a shopper has agreed to pay again and again: plans, periods, renewals, and what if not."""
