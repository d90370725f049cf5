"""Compiles the modules that every event goes through, where a C compiler is at hand.

It is the same code, and scores about 1.7 times as fast. Where it cannot be compiled it is installed
as it is, and an editable install never compiles: what is edited must count.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import chdir
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SCORING = ("apply", "change", "citizen", "kind", "ledger", "score", "scorecard", "totals")
PROCESS = ("batch", "entries", "erase", "forward", "gate", "process", "refuse", "ticks", "work")
AROUND = ("avro_parts", "codec", "effects", "given", "outcome", "published", "record", "state")
AROUND += ("topics", "validity", "views")
GENERATED = "streams/generated.py"  # readers and writers of the schemas, a text until here
MODULES = [f"streams/scoring/{name}.py" for name in SCORING]
MODULES += [f"streams/process/{name}.py" for name in PROCESS]
MODULES += [f"streams/{name}.py" for name in AROUND]
MODULES += [f"streams/tables/{name}.py" for name in ("counted", "overlay", "restore")]
MODULES += [f"streams/transport/{name}.py" for name in ("batch", "fetched", "out")]
NO_CONFIGURATION = ["--config-file=", "--ignore-missing-imports"]  # what is called need not be here


class Compiled(BuildHookInterface[Any]):
    """Puts compiled modules beside their sources into the wheel."""

    folder: Path | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, unless that is of no use or fails."""
        if version == "editable":
            return
        self.folder = Path(tempfile.mkdtemp(prefix="plainscore-build-"))
        try:
            _compile(Path(self.root), self.folder)
        except (Exception, SystemExit) as error:  # mypyc leaves by the latter
            self.app.display_warning(f"Installed without compiled modules, so slower: {error!r}")
            return
        built = self.folder / "lib"
        modules = [path for path in built.rglob("*") if path.suffix in (".so", ".pyd")]
        build_data["force_include"] |= {str(path): str(path.relative_to(built)) for path in modules}
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, *_: Any) -> None:
        """Leave nothing behind."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def _compile(root: Path, folder: Path) -> None:
    from mypyc.build import mypycify
    from setuptools import Distribution

    source = folder / "source"
    for package in ("streams", "schemas"):
        shutil.copytree(root / package, source / package)
    with chdir(source):
        written = [sys.executable, "-c", "from streams import codec; print(codec.generated())"]
        generated = subprocess.run(written, check=True, capture_output=True, text=True).stdout
        Path(GENERATED).write_text(generated, encoding="utf-8")
        extensions = mypycify(
            [*NO_CONFIGURATION, *MODULES, GENERATED],
            target_dir=str(folder / "c"),
            debug_level="0",
            group_name="streams",
        )
        if os.name == "posix":  # calls within the one library then go straight to their target
            for each in extensions:
                each.extra_compile_args += ["-fvisibility=hidden", "-fno-semantic-interposition"]
        command = Distribution({"name": "plainscore", "ext_modules": extensions}).get_command_obj(
            "build_ext"
        )
        command.build_lib, command.build_temp = str(folder / "lib"), str(folder / "temp")
        command.ensure_finalized()
        command.run()
