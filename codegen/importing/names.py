"""Names of a model become names in C: lower case, short, each once."""

from __future__ import annotations

import re

from codegen.architecture_rules import IMAGE, name_faults

LONGEST = 32

# fmt: off
C_KEYWORDS = frozenset({
    "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum",
    "extern", "float", "for", "goto", "if", "inline", "int", "long", "register", "restrict",
    "return", "short", "signed", "sizeof", "static", "struct", "switch", "typedef", "union",
    "unsigned", "void", "volatile", "while",
})
# what a kernel calls its own things, see codegen.architecture_rules
RESERVED = C_KEYWORDS | {
    IMAGE, "abi", "arena_t", "inputs_t", "layer", "outputs_t", "person_from_bundle", "person_t",
    "run", "shared", "shared_t", "tensors",
}
# fmt: on


def c_name(text: str, taken: set[str], kind: str = "layer") -> str:
    """A name like `text` that is not taken; it is taken from now on.

    The end of a long name is kept: it says more than the path before it. A number gets a letter;
    before a name that C or the kernel uses itself comes `kind`.
    """
    stem = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[-LONGEST:].lstrip("_") or kind
    if stem[0].isdigit():
        stem = f"t{stem}"[:LONGEST]
    if stem in RESERVED:
        stem = f"{kind}_{stem}"[:LONGEST]
    name, number = stem, 2
    while name in taken:
        suffix = f"_{number}"
        name, number = stem[: LONGEST - len(suffix)] + suffix, number + 1
    taken.add(name)
    return name


def architecture_name(text: str) -> str:
    """A name like `text` for an architecture; "net" joins what is a number or taken already."""
    words = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "net"
    if not words[0].isalpha():
        words = f"net-{words}"
    name = words[:LONGEST].rstrip("-")
    return f"{name}-net"[:LONGEST] if name_faults(name) else name
