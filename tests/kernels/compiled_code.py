"""Print what the compiled kernels leave to the compiler or to the C library, one thing a line.

A process of its own that reads no cache, wherever there is one: code that comes from a cache cannot
be looked at.
"""

import re
import sys

from moe_theory.kernels import (
    fixed,
    input_routing,
    joint,
    linear,
    losses,
    pattern_fixed,
    pattern_joint,
    pattern_sample,
    pattern_step,
    pattern_token,
    products,
    routers,
    routing,
    sample,
    table,
    token,
    token_routing,
    units,
)
from moe_theory.kernels.cache import KernelCache
from moe_theory.training.compiled import _train_all

FREEDOMS = re.compile(r"\b(?:fadd|fsub|fmul|fdiv|frem|fneg|fcmp|call|select|phi) ([a-z]+) ")
FLAGS = {"fast", "reassoc", "contract", "nnan", "ninf", "nsz", "arcp", "afn"}
CALLED = re.compile(r"(?:call|invoke) [^@\n]*@\"?([\w.$-]+)\"?\(")
# Rounded in one way by IEEE 754, also fma and sqrt of a C library, or not about numbers: memory,
# errors, bounds of loops.
KNOWN = re.compile(
    r"(?:llvm\.(?:fma|sqrt|fabs|mem|lifetime|assume|smin|smax|umin|umax|abs|vector|experimental|"
    r"ctpop|cttz|ctlz|fshl|usub|uadd|umul|smul|sadd|ssub|expect|trap|is\.fpclass|dbg|stack|load|"
    r"masked)|NRT_|nrt_|numba_|Py|_Py|_ZN|cfunc|memset|memcpy|memmove|fmaf?$|sqrtf?$|\.numba|"
    r"printf|puts|free|malloc|llvm\.x86\.atomic)"
)


def main():
    KernelCache.load_overload = lambda *_: None
    for dtype in ("float32", "float64"):
        _train_all(dtype)
    modules = (
        fixed, input_routing, joint, linear, losses, pattern_fixed, pattern_joint, pattern_sample,
        pattern_step, pattern_token, products, routers, routing, sample, table, token,
        token_routing, units,
    )  # fmt: skip
    n_looked = 0
    for module in modules:
        for name, value in vars(module).items():
            if not hasattr(value, "inspect_llvm"):
                continue
            for text in value.inspect_llvm().values():
                n_looked += 1
                for flag in set(FREEDOMS.findall(text)) & FLAGS:
                    print(f"{module.__name__}.{name}: {flag}")
                for called in set(CALLED.findall(text)):
                    if not KNOWN.match(called):
                        print(f"{module.__name__}.{name}: calls {called}")
    print(f"{n_looked} looked at", file=sys.stderr)


if __name__ == "__main__":
    main()
