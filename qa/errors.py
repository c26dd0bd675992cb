"""The failures that qa expects, each with the step that repairs it.

::

    QaError                     exit code 1
    +-- UsageError              exit code 2: the command line or a settings file is wrong
    |   +-- QuestionError       the question cannot be searched for
    |   +-- ConfigError         qa.toml, a QA_* variable or front matter is wrong
    +-- IndexMissingError       there is no index where one was looked for
    +-- IndexMismatchError      the index was made by another model or another format
    +-- IndexDamagedError       a part of the index is missing or not what was written
    +-- IndexBusyError          another process is writing the index
    +-- SourceError             a folder or file named by the user cannot be read at all
    +-- ModelError              a model is missing, damaged or cannot be loaded
    +-- StorageError            no disk space, no permission
    +-- ServerError             the Chroma server cannot be reached, or does not answer as it should

    LoadError                   one document cannot be read; a row in the report, never fatal

A bug is any other exception and keeps its traceback.
"""


class QaError(Exception):
    """An expected failure: what happened and where (the message), and what repairs it (``fix``)."""

    exit_code = 1

    def __init__(self, message: str, *, fix: str) -> None:
        super().__init__(message)
        self.fix = fix

    def __reduce__(self) -> tuple[object, ...]:
        """Return how another process makes the same error."""
        return _again, (type(self), str(self), self.fix)


def _again(kind: type[QaError], message: str, fix: str) -> QaError:
    return kind(message, fix=fix)


class UsageError(QaError):
    """The command line or a settings file is wrong."""

    exit_code = 2


class QuestionError(UsageError):
    """The question cannot be searched for."""


class ConfigError(UsageError):
    """A setting has an unknown name or a wrong value."""


class IndexMissingError(QaError):
    """There is no index at the place that was named."""


class IndexMismatchError(QaError):
    """The index was made by another model, format or chunker than the one in use."""


class IndexDamagedError(QaError):
    """A part of the index is missing, cut short or overwritten."""


class IndexBusyError(QaError):
    """Another process is writing this index."""


class SourceError(QaError):
    """A folder or file that the user named cannot be read at all."""


class ModelError(QaError):
    """A model is missing, damaged or cannot be loaded."""


class StorageError(QaError):
    """The disk is full, or a folder may not be written."""


class ServerError(QaError):
    """The Chroma server of an index cannot be reached, or does not answer as it should."""


class LoadError(Exception):
    """One document cannot be read.

    ``reason`` completes the sentence "not indexed: ..."; ``fix`` says what to do about the file.
    """

    def __init__(self, reason: str, *, fix: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.fix = fix
