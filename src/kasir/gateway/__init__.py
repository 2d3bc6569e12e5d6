"""The one room where the domain and Adyen meet."""
