#!/usr/bin/env bash
# Install a wheel into an empty environment, import it and train; then again from its caches.
set -euo pipefail
wheel=$(realpath "$1")
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check "$wheel"
cd "$place"
cat > first.py <<'END'
import time

started = time.perf_counter()
from moe_theory import SGD, JointMoE, PatchPatterns, __version__, train

imported = time.perf_counter() - started
patterns = PatchPatterns(n_patches=16, n_irrelevant=64, patch_dim=66)
data, test = patterns.sample(100, seed=0), patterns.sample(500, seed=0, split="test")
run = train(JointMoE(8, 40, 8), data, SGD(1.0, 20, n_steps=2000), seed=0)
assert run.error(test) < 0.1, run.error(test)
total = time.perf_counter() - started
print(f"{__version__}: imported in {imported:.1f} s, trained after {total:.1f} s")
END
# The page and the committed tables that it shows are in the wheel.
venv/bin/moe-theory explore --out page
grep -q '"name":"joint"' page/film.js
grep -q '"table":"sample_complexity"' page/data.js
for limit in 60 20; do
  started=$SECONDS
  venv/bin/python first.py
  if [ $((SECONDS - started)) -ge $limit ]; then
    echo "took $((SECONDS - started)) s, of $limit s allowed" >&2
    exit 1
  fi
done
