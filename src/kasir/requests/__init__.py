"""What a shop may ask for: one module for each kind of request."""
