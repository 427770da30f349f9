"""The pieces of an opening: their names, keys and layouts, and the manifest that lists them."""
