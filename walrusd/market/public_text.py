"""Texts that an owner writes for others to read: titles, descriptions, reasons."""

from walrusd.errors import BadRequest


def check_public_text(text: str, what: str, most: int, *, least: int = 0) -> None:
    """Check the length of a text in UTF-8, as the chain keeps it.

    Raises:
        BadRequest: if it is too short, too long, or not Unicode text: a command line and JSON can
            hold lone surrogates.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise BadRequest(
            f"{what} is not Unicode text", hint="check the terminal's encoding"
        ) from error
    if not least <= size <= most:
        raise BadRequest(f"{what} must be text of {least} to {most} bytes")
