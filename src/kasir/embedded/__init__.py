"""The PostgreSQL server that comes with Kasir."""
