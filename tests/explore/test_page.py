"""The page is whole, holds what the package and the committed tables say, and is served safely."""

import csv
import json
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from moe_theory.advice import predicted_curve
from moe_theory.cli import main
from moe_theory.experiments.scripts import load_script
from moe_theory.explore import page_files, tables, write_page
from moe_theory.explore.film import film
from moe_theory.explore.server import make_server

ROOT = Path(__file__).parents[2]
FILES = page_files()


def data():
    text = FILES["data.js"]
    start = text.index("{", text.index("moeTheory.data"))
    return json.JSONDecoder().raw_decode(text[start:])[0]


def test_all_that_the_page_names_is_there():
    named = re.findall(r'(?:src|href)="([^"#:]+)"', FILES["index.html"])
    assert len(named) == len(set(named)) > 8
    assert set(named) == set(FILES) - {"index.html"}
    assert "http:" not in "".join(FILES.values()).replace("http://www.w3.org/2000/svg", "")
    assert "https:" not in "".join(FILES.values())


def test_the_page_is_light():
    assert sum(len(text.encode()) for text in FILES.values()) < 600_000
    assert len(FILES["film.js"].encode()) < 300_000


def test_what_tables_leave_out_is_that_of_the_figures():
    config = json.loads((ROOT / "figures/full/sample_complexity.json").read_text())
    known = {law["n_irrelevant"] for law in config["experiment"]["data"]}
    assert known == {tables.N_IRRELEVANT["sample_complexity"]}
    advice = load_script(ROOT / "figures" / "advice.py", ("EPSILON",))
    assert {p["epsilon"] for p in tables.simulated_points() if p["table"] == "advice"} == {
        advice.EPSILON
    }


def test_curves_are_those_of_the_table():
    curves = data()["curves"]
    for arm, l, k in (("dense", 64, 1), ("separate", 4, 2), ("joint", 16, 20)):
        own = curves[f"{arm},{0 if arm == 'dense' else l},{k}"]["64,4"]
        points = predicted_curve(64, 4, arm, l, k)
        assert own["sizes"] == [point.n_train for point in points]
        assert own["errors"] == [point.error for point in points]
        assert own["steps"] == [point.steps for point in points]


def test_simulated_points_are_those_of_the_tables():
    points = tables.simulated_points()
    with (ROOT / "figures/full/sample_complexity.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["arm"] == "dense"]
    row = next(r for r in rows if (r["n_patches"], r["epsilon"]) == ("64", "0.05"))
    found = [
        p for p in points
        if (p["arm"], p["n_patches"], p["n_irrelevant"], p["epsilon"]) == ("dense", 64, 256, 0.05)
    ]  # fmt: skip
    assert [p["samples"] for p in found] == [[float(row[n]) for n in ("value", "low", "high")]]
    assert sum("flops" in point for point in points) > 40
    assert not any(point["arm"] == "one step" for point in points)
    for point in points:
        value, low, high = point["samples"]
        assert 0 < low <= value <= high < float("inf")


def test_film_is_what_was_recorded():
    made = film()
    assert [network["name"] for network in made["networks"]] == list(
        dict.fromkeys(row["arm"] for row in tables.read_table("film"))
    )
    n = len(made["inputs"][0]["patterns"])
    for network in made["networks"]:
        for name in ("loss", "error", "mean", "low", "high", "values"):
            assert len(network[name]) == len(made["steps"])
        for low, mean, high in zip(network["low"], network["mean"], network["high"], strict=True):
            assert low - 1e-5 <= mean <= high + 1e-5
        if network["routes"] is None:
            assert network["name"] == "dense"
            continue
        for frame in network["routes"]:
            assert len(frame) == len(made["inputs"])
            for one in frame:
                if network["name"] == "token":  # every patch has chosen one expert
                    assert sorted(place for own in one for place, _ in own) == list(range(n))
                if network["name"] == "joint":  # a softmax over those received
                    assert all(abs(sum(gate for _, gate in own) - 100) <= 2 for own in one)
    first, *_, last = made["networks"][0]["error"]
    assert first > 0.25 > last


@pytest.fixture
def address():
    with make_server(0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_only_the_page_is_served_and_only_here(address):
    with urllib.request.urlopen(f"{address}/") as answer:
        assert answer.read().decode() == FILES["index.html"]
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    with urllib.request.urlopen(f"{address}/advice.js") as answer:
        assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    for path in ("/nothing.js", "/../pyproject.toml", "/%2e%2e/pyproject.toml", "/page/advice.js"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{address}{path}")
    with make_server(0) as server:
        assert server.server_address[0] == "127.0.0.1"


def test_a_written_page_is_the_same(tmp_path, capsys):
    assert main(["explore", "--out", str(tmp_path / "new")]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "new" / "index.html")
    for name, text in FILES.items():
        assert (tmp_path / "new" / name).read_text(encoding="utf-8") == text
    assert write_page(tmp_path / "new").is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl-C to whole consoles")
def test_ctrl_c_stops_it():
    """Also where the tests run in the background of a shell, which ignores Ctrl-C."""
    served = (
        "import signal, sys\n"
        "from moe_theory.cli import main\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "sys.exit(main(['explore', '--no-browser']))\n"
    )
    command = [sys.executable, "-c", served]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as server:
        try:
            said = server.stdout.readline()
            address = re.match(r"http://127\.0\.0\.1:\d+/", said)
            assert address, said
            with urllib.request.urlopen(address[0]) as answer:
                assert answer.status == 200
            time.sleep(0.2)
            server.send_signal(signal.SIGINT)
            assert server.wait(timeout=10) == 0
        finally:
            server.kill()


def test_a_port_that_is_taken_is_told_in_one_line(address, capsys):
    port = address.rpartition(":")[2]
    assert main(["explore", "--no-browser", "--port", port]) == 2
    assert capsys.readouterr().err.count("\n") == 1
