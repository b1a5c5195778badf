"""What works on one system alone says so: a lint over the package and its scripts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = [
    path
    for folder in ("dreamvid", "docs", "examples", "benchmarks", "samples", ".ci")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix == ".py" or (folder == ".ci" and "python" in path.read_text(encoding="utf-8").partition("\n")[0])
]
POSIX_MODULES = {"fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"}
POSIX_NAMES = {
    "os": {
        "chown", "fork", "forkpty", "getegid", "geteuid", "getgid", "getloadavg", "getpgid", "getuid", "killpg",
        "mkfifo", "nice", "O_DIRECTORY", "posix_spawn", "sched_getaffinity", "sched_setaffinity", "setsid",
        "statvfs", "sysconf", "uname", "wait", "waitpid",
    },
    "signal": {
        "SIGHUP", "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGPIPE", "SIGQUIT", "SIGSTOP", "SIGCHLD", "alarm",
        "pause", "pthread_sigmask", "setitimer",
    },
}  # fmt: skip
SYSTEM_FOLDERS = re.compile(r"/(proc|dev|sys|tmp|etc|usr|var|home|opt)(/|$)")
GUARDED_BY_READERS = {"runtime/memory.py", "doctor/machine.py"}
"""They look into `/proc` and `/sys` by constants and parameters, and take what is missing for an answer."""
SHOWN_ALONE = {"doctor/privacy.py"}
"""It knows the names of folders, and opens none."""
PLATFORM = re.compile(r"hasattr|platform|os\.name|ON_WINDOWS|\.exists\(")
TEXT_MODE = re.compile(r"[rwxa]\+?t?\+?")


def faults(source: str, *, may_look: bool = False) -> list[str]:
    """The lines of a module that only work on some systems, and do not say so."""
    tree = ast.parse(source)
    above = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    found = []
    for node in ast.walk(tree):
        said = (*_unencoded(node), *_of_one_system(node, above, may_look), *_of_names(node))
        found.extend(f"{getattr(node, 'lineno', 0)}: {what}" for what in said)
    return found


def _unencoded(node: ast.AST) -> Iterator[str]:
    """Text that is read and written in whatever encoding the machine has."""
    if not isinstance(node, ast.Call):
        return
    given = {keyword.arg: keyword.value for keyword in node.keywords}
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if "encoding" in given or None in given:
        return
    if name == "read_text" and len(node.args) == 0:
        yield "read_text without encoding"
    if name == "write_text" and len(node.args) == 1:
        yield "write_text without encoding"
    is_builtin = isinstance(node.func, ast.Name)
    place = 1 if is_builtin or name in ("fdopen",) else 0
    mode = given.get("mode", node.args[place] if len(node.args) > place else None)
    word = mode.value if isinstance(mode, ast.Constant) and isinstance(mode.value, str) else None
    if name in ("open", "fdopen"):
        plain = is_builtin and mode is None
        bare = isinstance(node.func, ast.Attribute) and not node.args and not node.keywords
        if plain or bare or (word is not None and TEXT_MODE.fullmatch(word)):
            yield "open as text without encoding"
    if name in ("NamedTemporaryFile", "TemporaryFile", "SpooledTemporaryFile") and word and "b" not in word:
        yield "temporary text without encoding"
    if any(ast.unparse(given[key]) == "True" for key in ("text", "universal_newlines") if key in given):
        yield "a program's text without encoding"


def _of_one_system(node: ast.AST, above: dict[ast.AST, ast.AST], may_look: bool) -> Iterator[str]:
    what = None
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        if node.attr in POSIX_NAMES.get(node.value.id, ()):
            what = f"{node.value.id}.{node.attr}"
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        names = {node.module} if isinstance(node, ast.ImportFrom) else {alias.name for alias in node.names}
        what = ", ".join(sorted(names & POSIX_MODULES)) or None
    elif isinstance(node, ast.Constant) and not isinstance(above.get(node), ast.Expr):  # which is a docstring
        what = node.value if SYSTEM_FOLDERS.match(str(node.value)) and not may_look else None
    if what is not None and not _is_guarded(node, above):
        yield f"{what} is not on all systems; ask `hasattr` or `sys.platform` first"


def _is_guarded(node: ast.AST, above: dict[ast.AST, ast.AST]) -> bool:
    """Whether a test of the system, or a handler for what is missing, stands around a node or leaves before it."""
    child = node
    while (parent := above.get(child)) is not None:
        if isinstance(parent, (ast.If, ast.IfExp)) and PLATFORM.search(ast.unparse(parent.test)):
            return True
        if isinstance(parent, ast.BoolOp) and PLATFORM.search(ast.unparse(parent)):
            return True
        if isinstance(parent, ast.Try) and child in parent.body:
            caught = " ".join(ast.unparse(handler.type) for handler in parent.handlers if handler.type)
            if re.search("ImportError|AttributeError|OSError", caught):
                return True
        if isinstance(parent, ast.FunctionDef):
            for before in parent.body:
                if before is child:
                    break
                leaves = isinstance(before, ast.If) and isinstance(before.body[-1], (ast.Return, ast.Raise))
                if leaves and PLATFORM.search(ast.unparse(before.test)):
                    return True
        child = parent
    return False


def _of_names(node: ast.AST) -> Iterator[str]:
    """Files renamed over others, which Windows refuses; paths taken apart as text; processes started by forking."""
    if isinstance(node, ast.keyword) and node.arg in ("start_new_session", "preexec_fn", "creationflags"):
        yield f"{node.arg} by hand; use dreamvid.runtime.processes.apart"
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return
    text = ast.unparse(node.func)
    if (node.func.attr == "rename" and len(node.args) == 1) or text == "os.rename":
        yield "rename, which does not replace on Windows; use replace"
    if node.func.attr in ("startswith", "endswith", "split", "partition", "rpartition", "rsplit"):
        first = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
        if ast.unparse(node.func.value).startswith("str(") and first in ("/", "\\"):
            yield "a path taken apart as text"
    if node.func.attr in ("get_context", "set_start_method") and "fork" in ast.unparse(node):
        yield "processes by forking"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_works_on_one_system_alone_without_saying_so(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix().removeprefix("dreamvid/")
    may_look = name in GUARDED_BY_READERS | SHOWN_ALONE
    assert faults(path.read_text(encoding="utf-8"), may_look=may_look) == []


@pytest.mark.parametrize(
    "line",
    [
        "path.read_text()",
        "path.write_text(text)",
        "path.open()",
        "path.open('w')",
        "open(name)",
        "tempfile.NamedTemporaryFile('w')",
        "subprocess.run(words, text=True)",
        "import fcntl",
        "signal.signal(signal.SIGHUP, handler)",
        "os.getuid()",
        "Path('/proc/cpuinfo')",
        "Path('/tmp') / 'x'",
        "path.rename(other)",
        "str(path).split('/')",
        "multiprocessing.get_context('fork')",
        "subprocess.Popen(words, start_new_session=True)",
    ],
)
def test_the_lint_finds(line: str) -> None:
    assert len(faults(line)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "path.read_text(encoding='utf-8')",
        "path.open('rb')",
        "source.open(first, 3)",
        "archive.open(name)",
        "subprocess.run(words, text=True, encoding='utf-8')",
        "x = os.getuid() if hasattr(os, 'getuid') else 0",
        "try:\n    import resource\nexcept ImportError:\n    pass",
        "def f():\n    if sys.platform == 'win32':\n        return None\n    import resource",
        "getattr(signal, 'SIGHUP', None)",
        "path.replace(other)",
        "'/a/b'.split('/')",
    ],
)
def test_the_lint_lets_pass(text: str) -> None:
    assert faults(text) == []
