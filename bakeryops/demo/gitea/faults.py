"""What can be made to go wrong with Gitea, for tests and drills."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["GiteaFaults"]


@dataclass
class GiteaFaults:
    """Switches that hold until they are set back; none is set at first."""

    down: str = ""
    """"" is up; "closed" ends every connection without an answer, "502" answers as the ingress in front does."""
    delay: float = 0.0
    """Wall seconds that every answer waits."""
    hooks: bool = True
    """Whether webhooks are delivered; off, a push starts nothing and leaves no delivery."""
    push_refused: str = ""
    """Text with which every push over HTTP is refused (as by a hook of the server), "" for none."""
