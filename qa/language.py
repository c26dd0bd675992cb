"""Notices a question in another language than English, to say why nothing was found for it."""

from __future__ import annotations

import re

from qa.config import DEFAULT_MODEL
from qa.passages import Passages
from qa.terms import STOP_WORDS, words

_NAMES = {
    "ar": "Arabic", "de": "German", "es": "Spanish", "fa": "Persian", "fr": "French", "he": "Hebrew", "hi": "Hindi",
    "ht": "Haitian Creole", "it": "Italian", "ja": "Japanese", "ko": "Korean", "nl": "Dutch", "pl": "Polish",
    "pt": "Portuguese", "ru": "Russian", "so": "Somali", "tl": "Tagalog", "tr": "Turkish", "uk": "Ukrainian",
    "ur": "Urdu", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip
# Below this share of known words a look at the language is worth its half second.
_KNOWN_SHARE = 0.5


def language_note(question: str, passages: Passages, model: str) -> str:
    """Return a note for the user when the question is in a language that the index may not know, else ""."""
    folded = [word.lower() for word in re.findall(r"[^\W\d_]+", question)]
    if len(folded) < 2 and question.isascii():
        return ""
    indexed = passages.knows([form for form, _, _, _ in words(question)])
    known = sum(word in STOP_WORDS or word in indexed for word in folded)
    if folded and known >= _KNOWN_SHARE * len(folded):
        return ""
    import py3langid

    code, _ = py3langid.classify(question)
    if code not in _NAMES:
        return ""
    what = f"the model {model} knows English only" if model == DEFAULT_MODEL else f"the model {model} may not know it"
    return f"the question seems to be in {_NAMES[code]}; {what}"
