"""Every daemon's part in keeping tasks going: cranks, opening keys, claims."""
