"""Builds the zips of the two Lambda functions: our packages and the wheels that they need. Nothing is compiled."""

import argparse
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
LIMIT = 250 * 1024 * 1024
"""The most that Lambda takes, unzipped, in bytes."""
GLIBC = 34
"""Lambda's Python 3.12 and later run on Amazon Linux 2023 with glibc 2.34; Pillow's wheels need 2.28."""
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of all files: the same source makes the same zip, and an unchanged zip is not deployed again."""

COMMAND_LINE = ("service/cli", "service/client.py", "service/dev.py", "service/remote")
DATA = {"dynamodb", "s3", "sns", "sqs", "sso", "sso-oidc", "sts"}
"""What of botocore's descriptions of all services is kept; its ways to credentials need the last three."""
NEVER_READ = {".c", ".h", ".pxd", ".pyi", ".pyx"}


@dataclass(frozen=True)
class Function:
    """What goes into one function's zip: our packages without some of their files, and distributions by name.

    Which versions of these, and of what they need, is in `deploy/requirements/` (`make lock`).
    """

    packages: tuple[str, ...]
    without: tuple[str, ...]
    distributions: tuple[str, ...]


FUNCTIONS = {
    "service": Function(
        ("service",),
        COMMAND_LINE,
        ("aioboto3", "aiofiles", "aiohttp", "filetype", "multipart", "obstore", "pyjwt[crypto]"),
    ),
    "worker": Function(
        ("service", "worker"),
        (*COMMAND_LINE, "service/aws_lambda.py", "service/gateway", "service/http"),
        ("aioboto3", "filetype", "obstore", "pillow", "thash"),
    ),
}


@dataclass(frozen=True)
class Target:
    """Where the function runs: `x86_64` or `arm64`, and Python as in `3.13`."""

    architecture: str
    python: str

    def options(self) -> list[str]:
        """For pip, to choose wheels of the target instead of this machine's."""
        machine = {"arm64": "aarch64"}.get(self.architecture, self.architecture)
        tags = [f"manylinux2014_{machine}", *(f"manylinux_2_{minor}_{machine}" for minor in range(17, GLIBC + 1))]
        return ["--implementation=cp", f"--python-version={self.python}", *(f"--platform={tag}" for tag in tags)]


def package(name: str, out: Path, target: Target | None) -> Path:
    """Build `<name>.zip` in the folder `out`; without a target for this very interpreter.

    :raises SystemExit: a wheel is missing, or the function is too large for Lambda.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        _install(name, folder, target)
        _prune(folder)
        _copy(FUNCTIONS[name], folder)
        _compile(name, folder, target)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        size = sum(path.stat().st_size for path in files)
        archive = _zip(files, folder, out / f"{name}.zip")
    print(f"{archive}: {archive.stat().st_size / 1e6:.1f} MB, unzipped {size / 1e6:.1f} MB in {len(files)} files")
    if size > LIMIT:
        sys.exit(f"Lambda takes {LIMIT / 1e6:.1f} MB at most.")
    return archive


def _install(name: str, folder: Path, target: Target | None) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    # What else is installed here has nothing to do with what is in the folder.
    command += ["--only-binary=:all:", "--require-hashes", f"--target={folder}", "--no-warn-conflicts"]
    command += [f"--requirement=deploy/requirements/{name}.txt", *(target.options() if target else [])]
    if subprocess.run(command, cwd=ROOT).returncode:  # noqa: S603
        sys.exit("pip did not find all wheels (see above).")


def _prune(folder: Path) -> None:
    unused = [path for path in folder.rglob("*") if path.suffix in NEVER_READ]
    unused += [path for data in folder.glob("boto*/data") for path in data.iterdir() if path.is_dir()]
    for path in [folder / "bin", folder / "boto3/examples", *unused]:
        if path.is_dir() and path.name not in DATA:
            shutil.rmtree(path)
        elif path.is_file():
            path.unlink()


def _copy(function: Function, folder: Path) -> None:
    left_out = {ROOT / path for path in function.without}

    def ignore(parent: str, names: list[str]) -> list[str]:
        return [name for name in names if name == "__pycache__" or Path(parent, name) in left_out]

    for name in function.packages:
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)


def _compile(name: str, folder: Path, target: Target | None) -> None:
    """With the target's Python, if there is one. Lambda keeps nothing that it compiles, so it would at each start."""
    own = target is None or target.python == f"{sys.version_info.major}.{sys.version_info.minor}"
    compiler = sys.executable if own else shutil.which(f"python{target.python}") if target else None
    # Unchecked, because the zip does not keep the times of files.
    options = ["-q", "-s", str(folder), "-p", "/var/task", "--invalidation-mode", "unchecked-hash"]
    if not compiler or subprocess.run([compiler, "-m", "compileall", *options, str(folder)]).returncode:  # noqa: S603
        print(f"{name}: Python is not compiled, so cold starts are slower; that needs the target's Python on the PATH")


def _zip(files: list[Path], folder: Path, archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        for path in files:
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            # Lambda runs as another user than the one who packs.
            entry.external_attr = 0o100644 << 16
            made.writestr(entry, path.read_bytes())
    return archive


def main() -> None:
    """The command line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--out", type=Path, default=ROOT / "build", help="folder of the zips [build]")
    arguments.add_argument("--architecture", choices=["x86_64", "arm64"], default="x86_64")
    arguments.add_argument("--python-version", default="3.13", help="of the Lambda runtime [3.13]")
    arguments.add_argument("--native", action="store_true", help="for this interpreter and machine instead")
    given = arguments.parse_args()
    for name in FUNCTIONS:
        package(name, given.out, None if given.native else Target(given.architecture, given.python_version))


if __name__ == "__main__":
    main()
