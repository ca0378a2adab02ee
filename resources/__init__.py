"""What ships with Secateur beside its code: icons and the demo model."""

from pathlib import Path

_HERE = Path(__file__).parent


def demo_model() -> Path:
    """Path of the bundled checkpoint: a digits classifier's state_dict, described in `demo/README.md`."""
    return _HERE / "demo" / "digits_cnn.pt"


def icon(name: str) -> Path:
    """Path of the SVG icon called `name`, such as `"prune"`.

    Icons are drawn on a 24 × 24 grid in the one colour `#17324D`, for a theme to replace with its own.
    `"secateur"` is the application's own icon and keeps its colours.

    Raises:
        KeyError: no icon has that name.
    """
    path = _HERE / "icons" / f"{name}.svg"
    if not path.is_file():
        raise KeyError(f"no icon named {name!r} in {path.parent}")
    return path
