from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from dreamvid.runtime import memory
from dreamvid.runtime.memory import available_bytes, is_out_of_memory, peak_bytes, used_bytes

MB = 2**20


def caught(function: object, *arguments: object) -> BaseException:
    with pytest.raises((MemoryError, RuntimeError)) as error:
        function(*arguments)  # type: ignore[operator]
    return error.value


def test_running_out_of_memory_is_told_from_other_errors() -> None:
    assert is_out_of_memory(caught(torch.empty, 1 << 58))
    assert is_out_of_memory(caught(np.empty, 1 << 58))
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert is_out_of_memory(RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"))
    assert is_out_of_memory(RuntimeError("MPS backend out of memory (MPS allocated: 9.06 GB)"))
    assert is_out_of_memory(RuntimeError("could not create a primitive"))
    assert not is_out_of_memory(caught(torch.ones(2).view, 3))
    assert not is_out_of_memory(ValueError("out of memory of what I meant"))


def machine(root: Path, cgroup: str, files: dict[str, str]) -> int | None:
    """What is free on a machine with 1000 MB available and these files of control groups."""
    proc, groups = root / "proc", root / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text("MemTotal: 2048000 kB\nMemFree: 10 kB\nMemAvailable: 1024000 kB\n")
    (proc / "self/cgroup").write_text(cgroup)
    for name, text in files.items():
        (groups / name).parent.mkdir(parents=True, exist_ok=True)
        (groups / name).write_text(text)
    return memory._available_on_host(proc, groups)


def test_without_limits_the_machine_says_what_is_free(tmp_path: Path) -> None:
    assert machine(tmp_path, "0::/\n", {}) == 1000 * MB


@pytest.mark.parametrize(
    ("cgroup", "files", "free"),
    [
        (  # version 2: its own group has no limit, the one above has
            "0::/box/inner\n",
            {
                "box/inner/memory.max": "max\n",
                "box/inner/memory.current": "5\n",
                "box/memory.max": str(500 * MB),
                "box/memory.current": str(300 * MB),
                "box/memory.stat": f"anon 7\ninactive_file {50 * MB}\n",
            },
            250 * MB,
        ),
        (  # version 1
            "5:cpu:/box\n4:memory:/box\n",
            {
                "memory/box/memory.limit_in_bytes": str(400 * MB),
                "memory/box/memory.usage_in_bytes": str(300 * MB),
                "memory/box/memory.stat": "total_inactive_file 0\n",
            },
            100 * MB,
        ),
        (  # inside a container the group's name is not found, and the root is the container's own
            "0::/not/here\n",
            {"memory.max": str(90 * MB), "memory.current": str(100 * MB), "memory.stat": "inactive_file 0\n"},
            0,
        ),
        (
            "0::/box\n",
            {"box/memory.max": str(2**50), "box/memory.current": "0", "box/memory.stat": "inactive_file 0\n"},
            1000 * MB,
        ),
    ],
)
def test_a_container_may_have_less(cgroup: str, files: dict[str, str], free: int, tmp_path: Path) -> None:
    assert machine(tmp_path, cgroup, files) == free


def test_this_machine_tells() -> None:
    cpu = torch.device("cpu")
    free = available_bytes(cpu)
    assert free is None or 10 * MB < free < 2**50
    before = used_bytes(cpu)
    block = torch.ones(64 * MB // 4)
    grown = used_bytes(cpu) - before
    assert before == 0 or 32 * MB < grown < 96 * MB
    del block


def test_the_peak_is_what_was_alive_at_a_time() -> None:
    def run() -> None:
        first = torch.zeros(MB)  # 4 MB
        view = first[: MB // 2]  # no memory of its own
        second = view + 1  # 2 MB
        del first, view
        torch.zeros(MB // 4) + second[0]  # after the 4 MB have gone: 2 + 1 + 1

    assert peak_bytes(run) == 6 * MB


def test_the_peak_counts_what_a_backward_pass_keeps() -> None:
    def run(grow: int) -> None:
        x = torch.zeros(MB // 4, device="meta", requires_grad=True)
        y = x
        for _ in range(grow):
            y = y.exp()  # keeps its result
        torch.autograd.grad(y.sum(), x)

    assert peak_bytes(lambda: run(8)) - peak_bytes(lambda: run(4)) == 4 * MB
