"""What the shop is told, as Standard Webhooks: which events there are, and their delivery."""
