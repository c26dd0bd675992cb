"""The options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qa import completion

IndexOption = Annotated[
    Path | None,
    typer.Option(
        "--index", metavar="DIR", help="The folder of the index. Default: QA_INDEX, qa.toml, the user's data folder."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
PlainOption = Annotated[
    bool,
    typer.Option("--plain", help="For screen readers: each thing on a labelled line. QA_PLAIN=1 does it always."),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes.")]
TopicOption = Annotated[
    list[str] | None,
    typer.Option(
        "--topic",
        metavar="TOPIC",
        autocompletion=completion.topics,
        help="Only documents of this topic. May be repeated.",
    ),
]
KindOption = Annotated[
    list[str] | None,
    typer.Option(
        "--kind",
        metavar="KIND",
        autocompletion=completion.kinds,
        help="Only statements backed by this kind of source (government, news, ...). May be repeated.",
    ),
]
SourceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--source",
        metavar="GLOB",
        autocompletion=completion.documents,
        help="Only documents whose name matches. May be repeated.",
    ),
]
RiskOption = Annotated[
    float,
    typer.Option(
        "--risk",
        metavar="SHARE",
        help="The share of questions that may get a wrong answer; a lower one refuses more. See qa calibrate.",
    ),
]

ReaderOption = Annotated[
    str,
    typer.Option(
        "--reader",
        metavar="NAME|none",
        help="Another reader: a question-answering model or cross-encoder, by folder or name on the hub; or none.",
    ),
]
