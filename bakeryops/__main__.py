"""Entry point of the `bakeryops` command and of `python -m bakeryops`."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path


def _foreign_screens() -> str | None:
    """Return the path of a `screens` package that hides ours, if one does."""
    ours = Path(__file__).resolve().parent.parent / "screens" / "__init__.py"
    spec = find_spec("screens")
    found = spec.origin if spec else None
    if found and Path(found).resolve() == ours:
        return None
    return found or "(none found)"


def main() -> None:
    """Run the command line, after making sure that `screens` is the package that belongs to it."""
    foreign = _foreign_screens()
    if foreign is not None:
        sys.stderr.write(
            f"another 'screens' hides the one of bakeryops: {foreign}\n"
            "Start bakeryops from another folder, or by its own command instead of python -m.\n"
        )
        raise SystemExit(2)
    from bakeryops.cli.main import run

    run()


if __name__ == "__main__":
    main()
