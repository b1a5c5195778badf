"""`dreamvid doctor`: what works here, what does not, and what is slow."""

from __future__ import annotations

from typing import Annotated

import typer


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of the page")] = False,
) -> None:
    """Check this installation: device, ffmpeg, weights, space, versions, and what is slow here.

    The page names no person, machine or private folder, and is made to be pasted into a bug report. The exit code is 1
    if something is broken.
    """
    import json

    from dreamvid.doctor.examination import examine

    findings = examine()
    typer.echo(json.dumps(findings.as_data(), indent=1) if as_json else findings.as_text())
    if findings.broken:
        raise typer.Exit(1)
