from __future__ import annotations

import re

import pytest

from codegen.errors import HvError, OutputsDiffer
from codegen.resources import resource
from host_tools.exits import Exit, check_exit, describe_exit


def test_the_c_twin_has_the_same_codes() -> None:
    text = (resource("firmware") / "startup" / "hv_exit.h").read_text()
    in_c = {name: int(code) for name, code in re.findall(r"HV_EXIT_(\w+) = (\d+)", text)}
    assert in_c == {code.name: code.value for code in Exit}


def test_every_code_has_a_sentence_of_its_own() -> None:
    sentences = {describe_exit(code) for code in Exit if code not in (Exit.DONE, Exit.FAULT)}
    assert len(sentences) == len(Exit) - 2
    assert not any("means nothing" in sentence for sentence in sentences)


def test_faults_are_named() -> None:
    assert describe_exit(73) == "the firmware stopped with a HardFault (exception 3)"
    assert "exit code 42" in describe_exit(42)


def test_success_is_silent_and_failure_is_not() -> None:
    check_exit(0, where="here")
    with pytest.raises(HvError) as fault:
        check_exit(73, where="here")
    assert (fault.value.exit_code, fault.value.where) == (1, "here")
    with pytest.raises(OutputsDiffer):
        check_exit(Exit.RUN_DIFFERS, where="here")
