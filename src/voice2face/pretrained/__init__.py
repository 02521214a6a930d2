"""Networks of others, and classic measures, that judge, teach and find faces."""
