"""With atheris: libFuzzer keeps what reaches new branches of the receiver, and goes on from there."""

import os
import sys
from collections.abc import Callable
from importlib import import_module
from random import Random

atheris = import_module("atheris")  # it has no types, and is not there on every machine

with atheris.instrument_imports(include=["gateway.receiver"]):
    from benchmarks.fuzzing.target import Target
    from tests.fuzz.streams import SEEDS, SPLICES
    from tests.support.mutations import mutate

MAX_BYTES = 2048


def run(seed: int, requests: int, finish: Callable[[Target], int]) -> None:
    """So many; then `finish`, and the end of the process, for libFuzzer never returns."""
    target = Target(seed=seed)

    def take(data: bytes) -> None:
        target.take(data)
        if target.streams == requests:
            code = finish(target)
            sys.stdout.flush()
            os._exit(code)

    options = (f"-seed={seed}", f"-max_len={MAX_BYTES}", "-len_control=0", "-verbosity=0")
    atheris.Setup(["fuzz", *options], take, custom_mutator=_mutated)
    atheris.Fuzz()


def _mutated(data: bytes, max_size: int, seed: int) -> bytes:
    """Mutated as protocols have it, as bytes, or begun anew: the good requests are the corpus."""
    dice = Random(seed)
    match dice.randrange(4):
        case 0:
            data = dice.choice(SEEDS) + (data if dice.randrange(2) else b"")
        case 1:
            return bytes(atheris.Mutate(data, max_size))
    return mutate(data, SPLICES, dice)[:max_size]
