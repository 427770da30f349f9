"""The verification file: its bytes, and the checks that need nothing but the file."""
