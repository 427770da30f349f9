"""The verification file: its bytes, and the checks that it holds in itself."""
