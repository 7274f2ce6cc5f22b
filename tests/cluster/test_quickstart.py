"""README's quickstart, block by block, each in its own shell, exactly as it is printed."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.csv
import pytest

from enclave.demo.tables import generate, main
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```sh (operator|bank|shop)( &)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PORT = "7443"


class Shells:
    """One shell for each person; a shell stays in the directory that its last block ended in."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.places = dict.fromkeys(("operator", "bank", "shop"), base)
        self.background: list[subprocess.Popen[str]] = []
        self.said = ""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environment = {"PATH": path, "HOME": str(base), "LANG": "C.UTF-8"}

    def run(self, person: str, block: str) -> None:
        """Run a block to its end; it must succeed."""
        script = f"set -eu\n{block}\npwd > {self.base}/place"
        done = subprocess.run(
            ["bash", "-c", script],
            check=False,
            cwd=self.places[person],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, f"{person}: {block}\n{done.stdout}\n{done.stderr}"
        self.said += done.stdout + done.stderr
        self.places[person] = Path((self.base / "place").read_text().strip())

    def start(self, person: str, block: str) -> None:
        """Start a block that serves, and wait until it says that it is ready."""
        with (self.base / f"log-{len(self.background)}").open("w") as log:
            serving = subprocess.Popen(
                ["bash", "-c", f"exec {block}"],
                cwd=self.places[person],
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.background.append(serving)
        assert serving.stdout
        assert serving.stdout.readline().startswith("{"), f"{person}: {block} did not start"

    def end(self) -> None:
        """End what serves, the last first."""
        for serving in reversed(self.background):
            serving.send_signal(signal.SIGTERM)
            serving.wait(30)
            if serving.stdout:
                serving.stdout.close()


@pytest.mark.cluster
def test_every_block_of_the_quickstart_does_what_readme_says(tmp_path):
    text = (ROOT / "README.md").read_text().replace(f":{PORT}", f":{free_port()}")
    blocks = BLOCK.findall(text)
    assert {person for person, _, _ in blocks} == {"operator", "bank", "shop"}
    main([str(tmp_path), "5000"])
    shells = Shells(tmp_path)
    try:
        for person, serves, block in blocks:
            (shells.start if serves else shells.run)(person, block)
    finally:
        shells.end()
    assert "1 of 2 approvals" in shells.said
    assert "holds (simulated)" in shells.said
    truth = generate(5000, overlap=1500, seed=7)
    assert f"{truth.overlap}" in shells.said
    rows = pyarrow.csv.read_csv(tmp_path / "bank" / "matches.csv")
    assert rows.num_rows == 1000
    assert (shells.places["shop"] / "overlap.receipt.json").is_file()
