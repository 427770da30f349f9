"""Rules of the whole program that no single room can hold."""
