"""The words and seals of Adyen's protocol. Values in, values out: nothing here does I/O."""
