"""A module imports only from lower layers; a new module is added to the table first."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "qa"
LAYERS: list[set[str]] = [
    {"errors", "schema", "progress", "judging", "metrics", "screen", "followup", "command_help"},
    {"text", "config", "references", "parts", "gold", "shown", "question_formats", "dates", "threads"},
    {"questions_file", "question_kind", "terms", "markdown", "plaintext", "decoder", "models", "locks"}
    | {"abbreviations", "encoder"},
    {"faq_page"}
    | {"question_parts", "walker", "chunker", "manifest", "embedder", "passages", "reader", "cache", "store", "dense"},
    {"faq_seal"}
    | {"relevance", "gold_template", "loader", "sparse", "generation", "question", "vectors", "other_readers"}
    | {"server", "ledger"},
    {"approximate"},
    {
        "completion",
        "planner",
        "citations",
        "retriever",
        "evidence",
        "writer",
        "verify",
        "shipped",
        "language",
        "previous",
        "quantities",
        "watching",
    },
    {"builder", "publisher", "selection", "contents", "pins", "faq_check"},
    {"indexer", "conflicts"},
    {"output", "abstention", "doctor", "upkeep"},
    {"reader_choice", "viewer"},
    {"answerer", "linear"},
    {"render"},
    {"batch"},
    {"evaluation"},
    {"calibrating", "comparison", "evaluation_plot"},
    {"evaluation_report"},
    {"opening", "quick"},
    {"asking", "options", "chat", "report", "faq", "faq_escape"},
    {"faq_jobs", "faq_render"},
    {"faq_docx", "faq_pdf"},
    {"faq_files", "suggest"},
    {"reading_commands", "index_commands", "eval_commands", "calibrate_commands", "chat_command", "faq_commands"},
    {"cli"},
    {"start"},
    {"__main__"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
HEAVY_ONLY_IN = {
    "chromadb": {"store"},
    "sentence_transformers": {"embedder", "other_readers"},
    "torch": {"embedder", "other_readers"},
    "ir_measures": {"evaluation"},
    "matplotlib": {"evaluation_plot"},
    "typer": {
        "cli",
        "options",
        "command_help",
        "completion",
        "reading_commands",
        "index_commands",
        "eval_commands",
        "calibrate_commands",
        "chat_command",
        "faq_commands",
    },
    "jinja2": {"faq_render"},
    "docx": {"faq_docx"},
    "fpdf": {"faq_pdf"},
    "rich": {"render", "report", "screen", "evaluation_report"},
}
MODULES = sorted(p.stem for p in PACKAGE.glob("*.py") if p.stem != "__init__")


def imports(module: str) -> set[str]:
    """Return the full names of all that a module imports, inside functions too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_every_module_is_in_the_table_and_nothing_else() -> None:
    assert set(MODULES) == set(LEVEL)


@pytest.mark.parametrize("module", MODULES)
def test_module_imports_only_from_lower_layers(module: str) -> None:
    own = {name.split(".")[1] for name in imports(module) if name.startswith("qa.")} - {"__version__"}
    assert {name for name in own if LEVEL[name] >= LEVEL[module]} == set()


@pytest.mark.parametrize("library", HEAVY_ONLY_IN)
def test_only_its_own_module_knows_a_library(library: str) -> None:
    users = {m for m in MODULES if any(name.split(".")[0] == library for name in imports(m))}
    assert users <= HEAVY_ONLY_IN[library]
