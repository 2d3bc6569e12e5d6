"""The webhooks that the twin sends."""
