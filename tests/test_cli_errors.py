"""Bad input is told in one line, with what is wrong and what is allowed, and no traceback."""

import ast
import gzip
import io
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import moe_theory
import moe_theory.training.one
from moe_theory.cli import COMMANDS, main
from moe_theory.cli.flags import flag
from moe_theory.cli.kinds import DATA, MODELS, ONLY_OF, flags_of
from moe_theory.training import SGD

QUICK = ["--n-train", "20", "--n-test", "20", "--n-epochs", "2"]


def told(capsys):
    """Return the last line on standard error, after checking that it is one of ours."""
    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith("moe-theory: ")
    assert not any("Traceback" in line for line in said)
    return said[-1].removeprefix("moe-theory: ")


# Texts that the flags take, so that only where they apply is wrong.
TEXTS = {
    "output_weights": "signs",
    "pooling": "all",
    "priority": "score",
    "router_samples": "train",
    "n_closer": "1,1",
    "others": "7:6",
}


FLAGS_OF_MODELS = {name: set(flags_of(kind)) for name, kind in MODELS.items()}
FLAGS_OF_DATA = {name: set(flags_of(*kinds)) for name, kinds in DATA.items()}
FOREIGN = [
    ("--model", choice, name)
    for choice, own in FLAGS_OF_MODELS.items()
    for name in sorted(set().union(*FLAGS_OF_MODELS.values()) - own)
] + [
    ("--data", choice, name)
    for choice, own in FLAGS_OF_DATA.items()
    for name in sorted(set().union(*FLAGS_OF_DATA.values()) - own)
] + [
    ("--model", choice, name)
    for name, of in ONLY_OF.items()
    for choice in MODELS
    if choice not in of
]  # fmt: skip


@pytest.mark.parametrize(("part", "choice", "name"), FOREIGN)
def test_a_flag_that_does_not_apply(part, choice, name, capsys):
    arguments = ["train", part, choice, flag(name), TEXTS.get(name, "1")]
    if choice.startswith("spurious"):
        arguments += ["--rho-train", "1"]
    assert main(arguments) == 2
    message = told(capsys)
    assert message.startswith(f"{flag(name)} does not apply to {part} {choice}")
    assert "only to" in message


def test_every_kind_of_flag_was_tried():
    assert {name for _, _, name in FOREIGN} >= {
        "n_routed", "capacity", "pooling", "delta_d", "rho_train", "positive_digit",
        "frequencies", "router_samples", "spurious_digits",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "dense", "--n-routed", "99"], "--n-routed does not apply to --model dense"),
        (["--n-routed", "17"], "n_routed must be at most the number of patches n = 16; got 17"),
        (["--n-routed", "two"], "--n-routed must be an integer; got 'two'"),
        (["--n-routed", "2.5"], "--n-routed must be an integer; got '2.5'"),
        (["--learning-rate", "fast"], "--learning-rate must be a number; got 'fast'"),
        (["--learning-rate", "nan"], "learning_rate must be a finite number"),
        (["--learning-rate", "-1"], "learning_rate must be a finite number"),
        (["--stop-loss", "small"], '--stop-loss must be a number or "none"'),
        (["--balanced", "maybe"], "--balanced must be true or false; got 'maybe'"),
        (["--loss", "square"], "loss must be one of 'logistic', 'hinge'; got 'square'"),
        (["--record", "1,x"], "--record must be"),
        (["--irrelevant-digits", "2,ten"], "--irrelevant-digits must be"),
        (["--n-train", "0"], "n_samples must be an integer >= 1; got 0"),
        (["--seed", "-1"], "seed must be"),
        (["--n-steps", "5", "--n-epochs", "5"], "(n_steps, n_epochs) must be one number and one"),
        (["--router-fraction", "0.5"], "--router-fraction does not apply"),
        (["--learning-rate", "1", "--learning-rate-per-patch", "1"], "exclude each other"),
        (["--data", "spurious-digits"], "--rho-train is needed by --data spurious-digits"),
        (["--data", "patterns", "--digits", "x.npz"], "--digits does not apply to --data patterns"),
        (["--data", "patterns", "--patch-dim", "9"], "patch_dim must be"),
        (["--data", "digit-tasks", "--others", "7"], "others"),
        (["--digits", "nothing.npz"], "path must be an npz file that exists; got 'nothing.npz'"),
        (["--digits", "."], "path must be an npz file that exists; got '.'"),
        (["--save", "."], "--save must be a file in a folder that can be written; got /"),
        (["--save", "/dev/null/run"], "--save must be a file in a folder that can be written; got"),
    ],
)  # fmt: skip
def test_train(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["train", *arguments]) == 2
    assert told(capsys).startswith(message) or message in ("exclude each other", "others")


@pytest.mark.parametrize("extra", [[], ["--model", "dense"], ["--data", "digit-tasks"]])
def test_a_training_that_failed_is_no_result(extra, capsys):
    """Whether numbers stop being finite, or only units stop being active."""
    for rate in ("1e6", "1e30"):
        assert main(["train", *QUICK, "--learning-rate", rate, *extra]) == 1
        assert "try a learning" in told(capsys)
    assert main(["train", *QUICK, "--learning-rate", "1e6", "--json", *extra]) == 1
    assert capsys.readouterr().out == ""


def test_a_loss_that_rises_is_no_result(capsys):
    """Slopes of the hinge do not vanish: large steps leave finite, useless weights."""
    line = "train --data patterns --model dense --loss hinge --learning-rate 1e5 --quiet"
    line += " --n-train 100 --n-test 20 --n-epochs 1 --batch-size 10"
    assert main(line.split()) == 1
    assert told(capsys).startswith("the loss rose from 0.988 to 17.6; try a learning rate below")


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Make files of the wrong kind."""
    monkeypatch.chdir(tmp_path)
    np.save("array.npy", np.zeros((3, 2, 2)))
    os.rename("array.npy", "array.npz")
    (tmp_path / "garbage.npz").write_bytes(b"PK\x03\x04 and no more")
    images = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in (9, 2, 2)) + bytes(36)
    packed = gzip.compress(images)
    (tmp_path / "short.gz").write_bytes(packed[: len(packed) // 2])
    (tmp_path / "broken.gz").write_bytes(packed[:12] + bytes(9) + packed[21:])
    (tmp_path / "other.gz").write_bytes(b"\x1f\x8b and no more")
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary.py").write_bytes(bytes(range(256)))
    (tmp_path / "syntax.py").write_text("x = 1\ndef experiment(scale:\n")
    (tmp_path / "name.py").write_text("x = 1\nexperimnt(scale)\n")
    (tmp_path / "value.py").write_text("from moe_theory import *\nSGD(-1, 2, n_steps=3)\n")
    (tmp_path / "inside.py").write_text("def experiment(scale):\n    return {}['missing']\n")
    (tmp_path / "text.csv").write_text("arm,n\n")
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)))
    return tmp_path


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("train --digits garbage.npz", "path must be an npz file that can be read"),
        ("train --digits array.npz", "(it holds one array, as npy files do)"),
        ("pack-digits short.gz short.gz short.gz short.gz out.npz", ""),
        ("pack-digits broken.gz broken.gz broken.gz broken.gz out.npz", ""),
        ("pack-digits other.gz other.gz other.gz other.gz out.npz", ""),
        ("pack-digits nothing a b c out.npz", "path must be an IDX file that exists"),
        ("pack-digits folder a b c out.npz", "path must be an IDX file that exists; got 'folder'"),
        ("run nothing.py", "script must be a Python file that exists; got 'nothing.py'"),
        ("run folder", "script must be a Python file that exists; got 'folder'"),
        ("run syntax.py", "syntax.py, line 2: "),
        ("run name.py", "name.py, line 2: NameError: name 'experimnt' is not defined"),
        ("run value.py", "value.py, line 2: learning_rate must be a finite number"),
        ("run inside.py", "inside.py, line 2: KeyError: 'missing'"),
        ("run binary.py", ""),
        ("draw name.py", "name.py, line 2: NameError"),
        ("verify name.py", "name.py, line 2: NameError"),
        ("tabulate folder", "Is a directory: folder"),
        ("tabulate no/table.csv", "No such file or directory: no/table.csv"),
        ("tabulate text.csv", "path must be a new file, or one with columns"),
        ("tabulate binary.csv", "path must be a new file, or one with columns"),
        ("theory --out text.csv", "File exists: text.csv"),
        ("theory --out text.csv/deep", "Not a directory: text.csv/deep"),
        ("advise --n-patches 2", "n_patches must be"),
        ("advise --epsilon 0", "epsilon must be"),
        ("predict --n-train 2", "n_train must be"),
        ("predict --model joint --delta-d 0.5", "delta_d must be 0"),
        ("prune --score beauty --ratio 0.5", "score must be one of"),
        ("prune --ratio 1", "ratio must be"),
        ("prune --run nothing", "No such file or directory: nothing"),
        ("prune --run folder", "Is a directory: folder"),
        ("prune --run garbage.npz", "garbage.npz"),
        ("prune --run text.csv --model joint", "--model does not apply to a network that was"),
        ("prune --run text.csv --learning-rate-per-patch 1", "--learning-rate-per-patch does not"),
        ("samples --n-min 3", "n_min must be even; got 3"),
        ("samples --epsilon 2", "epsilon must be"),
        ("sweep --mix-versions", "--mix-versions does not apply without --store"),
        ("sweep --n-draws 0", "n_draws must be an integer >= 1; got 0"),
        ("sweep --model dense --n-routed 1 2", "--n-routed does not apply to --model dense"),
    ],
)
def test_files_and_numbers(command, message, files, capsys):
    quick = QUICK if command.startswith("prune") and "--run" not in command else []
    assert main([*command.split(), *quick]) == 2
    assert message in told(capsys)
    assert not (files / "out.npz").exists()


@pytest.mark.parametrize(
    ("command", "goes_on"),
    [
        ("train", False),
        ("prune", False),
        ("sweep --quiet", False),
        ("sweep --quiet --store rows.jsonl", True),
        ("samples --quiet --store rows.jsonl", True),
    ],
)
def test_what_ctrl_c_says_is_true(command, goes_on, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(moe_theory.training.one, "run_steps", stop)
    assert main(command.split()) == 130
    message = told(capsys)
    assert message == (
        "stopped; the same command goes on from here"
        if goes_on
        else "stopped; nothing goes on from here, the same command begins anew"
    )


def test_warnings_are_one_line(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "warns.py").write_text("import warnings\nwarnings.warn('look here')\n")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert main(["run", "warns.py"]) == 2
    assert "moe-theory: warning: look here\n" in capsys.readouterr().err


class Closed(io.StringIO):
    def write(self, text):
        raise BrokenPipeError


def test_nobody_reads_on(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", Closed())
    assert main(["advise"]) == 141
    assert capsys.readouterr().err == ""


def test_head_reads_one_line():
    """Not at the end of the process either does Python complain."""
    command = f"{sys.executable} -m moe_theory advise"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{command} | head -n 1"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.startswith("network")
    assert done.returncode in (0, 141)  # head may have read all of it


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_letters_that_a_terminal_lacks(encoding, monkeypatch):
    screen = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", screen)
    with pytest.raises(SystemExit) as ended:
        main(["train", "--help"])
    assert ended.value.code == 0
    assert main(["train", *QUICK, "--data", "patterns"]) == 0
    screen.seek(0)
    said = screen.read()
    assert "eta over the number of patches" in said
    assert "+-" in said or "±" in said


def test_stand_ins():
    from moe_theory.cli.console import in_ascii  # noqa: PLC0415

    assert in_ascii("ε ± 10⁻³ ≤ Δ₁ → é") == "epsilon +- 10^-3 <= Delta1 -> e"


HEAVY = ("numba", "scipy", "sympy", "matplotlib", "sklearn", "joblib", "tqdm", "threadpoolctl")


def test_help_waits_for_nothing_heavy():
    """Half a second is for Python and NumPy; the compiler alone takes as long."""
    code = (
        "import contextlib, io, sys\n"
        "import moe_theory\n"
        "assert 'numpy' not in sys.modules\n"
        "from moe_theory.cli import COMMANDS, main\n"
        "for command in ([], *([name] for name in COMMANDS), ['train', '--version']):\n"
        "    with contextlib.redirect_stdout(io.StringIO()) as said:\n"
        "        with contextlib.suppress(SystemExit):\n"
        "            main([*command, '--help'])\n"
        "    assert said.getvalue().startswith('usage: moe-theory'), command\n"
        f"    loaded = [name for name in {HEAVY} if name in sys.modules]\n"
        "    assert not loaded, (command, loaded)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_command_has_help(capsys):
    for command in COMMANDS:
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0
        assert "usage: moe-theory " + command in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(["traim"])
    assert ended.value.code == 2


def test_help_has_every_field_with_its_sentence(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    for kind in (*MODELS.values(), *(kind for kinds in DATA.values() for kind in kinds), SGD):
        for name in flags_of(kind):
            assert f"{flag(name)} " in said, name
    assert "--n-routed INT l, the number of patches that each expert receives" in said
    assert "100 %" not in said or "%%" not in said


def test_files_are_written_in_one_encoding():
    """Not in that of the locale, in which some letters of tables cannot be written."""
    for file in Path(moe_theory.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            given = {word.arg for word in node.keywords}
            if name in ("read_text", "write_text"):
                assert "encoding" in given, (file, node.lineno)
            elif name in ("open", "fdopen") and getattr(node.func, "value", None) is not None:
                texts = [a.value for a in node.args if isinstance(a, ast.Constant)]
                binary = any(isinstance(text, str) and "b" in text for text in texts)
                of_os = getattr(node.func.value, "id", "") == "os" and name == "open"
                assert binary or of_os or "encoding" in given, (file, node.lineno)


def test_notes_of_an_error_are_told_but_for_the_trace_of_a_worker(capsys, monkeypatch):
    def fail(options):
        error = ValueError("n_train must be even; got 3")
        error.add_note("in draw 3 of the setting {'arm': 'dense'}")
        error.add_note("Traceback (most recent call last):\n  of a worker")
        raise error

    monkeypatch.setattr("moe_theory.cli.many_trainings._sweep", fail)
    assert main(["sweep"]) == 2
    assert told(capsys) == (
        "n_train must be even; got 3; in draw 3 of the setting {'arm': 'dense'}"
    )
