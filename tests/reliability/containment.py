"""Figure 10: commands on what a good plugin brings, with eight broken ones installed beside it."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from tests.conftest import SITE, Site
from tests.e2e.test_third_party import SOUND
from tests.reliability.figure import Figure, share
from tests.reliability.shell import Shell

_HOOK = "import cnnforge\n@cnnforge.hookimpl\ndef {name}({argument}):\n    {body}\n"
BROKEN = {
    "PLG01 ImportError": "raise ImportError('no such thing')",
    "PLG02 SystemExit": "raise SystemExit(3)",
    "PLG03 missing dependency": "import not_installed_anywhere",
    "PLG04 syntax error": "def broken(:",
    "PLG07 unknown argument": _HOOK.format(name="cnnforge_architectures", argument="colour", body="return []"),
    "PLG08 unknown hook": _HOOK.format(name="cnnforge_architecture", argument="", body="return []"),
    "PLG09 wrong return": _HOOK.format(name="cnnforge_architectures", argument="", body="return 42"),
    "PLG14 raises in a hook": _HOOK.format(
        name="cnnforge_architectures", argument="", body="raise RuntimeError('half way')"
    ),
}
TINY = ["--architecture", "tiny", "--set", "data.source=stripes", "--set", "data.image_size=[24,24]",
        "--set", "training.epochs=2", "--set", "architecture.units=4"]  # fmt: skip
TUNE = ["--set", "training.precision=float32", "--search", "architecture.units", "--set",
        "tuning.space.architecture.units={values=[4,8]}", "--trials", "2", "--set", "tuning.confirm=0"]  # fmt: skip


def measure(seed: int) -> Figure:
    with tempfile.TemporaryDirectory(prefix="cnnforge-plugins-") as name:
        site = installed(Path(name))
        shell = Shell(
            Path(name), {"PYTHONPATH": str(site.path), "CNNFORGE_LOAD_PLUGINS": "acme," + ",".join(modules())}
        )
        done = {" ".join(command[:2]): shell(*command) for command in commands()}
        for command, result in done.items():
            print(
                f"   cnnforge {command}: exit {result.returncode} {result.stderr[-200:] if result.returncode else ''}"
            )
        named = json.loads(shell.must("plugins", "--json"))
        states = {item["id"].partition(":")[0]: item["state"] for item in named}
        works = pluggy_works(site)
    num_worked = sum(result.returncode == 0 for result in done.values())
    num_named = sum(states.get(module.replace("_", "-")) == "broken" for module in modules())
    return Figure(
        ours=f"{share(num_worked, len(done))}; each of the {num_named} broken ones named",
        theirs=f"pluggy's own loading: {works}",
        count=f"{len(done)} commands, {len(BROKEN)} broken plugins",
        is_met=num_worked == len(done) and num_named == len(BROKEN),
        details={command: result.returncode for command, result in done.items()},
    )


def modules() -> list[str]:
    return [f"bad-{name[:5].lower()}" for name in BROKEN]


def installed(folder: Path) -> Site:
    """Install the good plugin and the broken ones."""
    site = Site(folder / SITE)
    site.path.mkdir()
    site.install("acme", SOUND)
    for distribution, source in zip(modules(), BROKEN.values(), strict=True):
        site.install(distribution, source, entry_point=distribution)
    return site


def commands() -> list[list[str]]:
    """What people do with an architecture and a data source of a plugin."""
    own = "runs/r"
    return [
        ["list"],
        ["show", "tiny"],
        ["show", "stripes"],
        ["plugins"],
        ["plugins", "show", "acme:main"],
        ["plugins", "check", "acme:main"],
        ["data", "check", "--set", "data.source=stripes", "--set", "data.image_size=[24,24]"],
        ["run", "directory-cnn", *TINY, "--name", "r"],
        ["evaluate", own],
        ["explain", own],
        ["report", own],
        ["export", own, "--format", "keras"],
        ["runs"],
        ["predict", own, f"{own}/mistakes", f"{own}/examples"],
        ["tune", "directory-cnn", *TINY, *TUNE, "--name", "s"],
    ]


def pluggy_works(site: Site) -> str:
    """Load the same plugins as a program that trusts pluggy does, and say what comes of it."""
    import pluggy

    from cnnforge.host import hookspecs

    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    sys.path.insert(0, str(site.path))
    try:
        manager.load_setuptools_entrypoints("cnnforge")
        names = {spec.name for specs in manager.hook.cnnforge_architectures() for spec in specs}
        return "100 %" if "tiny" in names else f"0 %, it has only {sorted(names)}"
    except (Exception, SystemExit) as error:
        return f"0 %, it ends with the first {type(error).__name__}"
    finally:
        sys.path.remove(str(site.path))
