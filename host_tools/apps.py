"""The applications of firmware/apps: what a kernel can be built into."""

from __future__ import annotations

from pathlib import Path

from codegen.resources import resource


def app_names() -> tuple[str, ...]:
    """Returns the applications that can be built, sorted."""
    return tuple(sorted(path.parent.name for path in apps_folder().glob("*/main.c")))


def own_sections(app: str) -> str:
    """Returns an application's part of the linker script, "" if it has none."""
    path = apps_folder() / app / "sections.ld"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def apps_folder() -> Path:
    """Returns where they lie, each in a folder of its own."""
    return resource("firmware") / "apps"
