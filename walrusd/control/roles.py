"""Commands that only a daemon with a certain role carries out."""

from walrusd.errors import NotAllowed
from walrusd.settings.model import Role, Settings


def check_role(settings: Settings, role: Role) -> None:
    """Check that the daemon has a role.

    Raises:
        NotAllowed: if it does not.
    """
    if not settings.has_role(role):
        raise NotAllowed(
            f"this daemon does not have the role {role.value}",
            hint=f"add it to daemon.roles in {settings.path}",
        )
