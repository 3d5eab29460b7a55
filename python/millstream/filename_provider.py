"""Names of the files that are written."""

from __future__ import annotations


class FilenameProvider:
    """Names the files that a `write_` method makes: to be subclassed, and given as `filename_provider`.

    Args:
        dataset_uuid: Put before each name.
        file_format: Put behind each name, without its dot, such as "parquet".
    """

    def __init__(self, dataset_uuid: str | None = None, file_format: str | None = None) -> None:
        self.dataset_uuid = dataset_uuid
        self.file_format = file_format

    def get_filename_for_task(self, write_uuid: str, task_index: int) -> str:
        """The name of one file, without a directory.

        Args:
            write_uuid: Of this write, 32 hexadecimal digits; later ones sort behind.
            task_index: Of the file, from 0 in the order of the rows. Names that sort alike keep that order for readers.
        """
        prefix = "" if self.dataset_uuid is None else f"{self.dataset_uuid}_"
        suffix = "" if self.file_format is None else f".{self.file_format}"
        return f"{prefix}{write_uuid}_{task_index:06}{suffix}"


def name_of(provider: FilenameProvider, write_uuid: str, number: int) -> str:
    """TypeError for what is no text, ValueError for one that is no name of a file that readers see."""
    name = provider.get_filename_for_task(write_uuid, number)
    method = f"{type(provider).__name__}.get_filename_for_task"
    if not isinstance(name, str):
        raise TypeError(f"{method} must give a text, not {type(name).__name__}")
    if not name or "/" in name or name[0] in "._" or "\0" in name or "\n" in name:
        raise ValueError(
            f"{method} gave {name!r}: a name has no '/', and readers skip those that begin with '.' or '_'"
        )
    return name


def name_of_row(provider: FilenameProvider, write_uuid: str, number: int) -> str:
    """Of a file that holds one row: that of the first task, and the row's number."""
    base, dot, suffix = name_of(provider, write_uuid, 0).rpartition(".")
    return f"{base}_{number:09}.{suffix}" if dot else f"{suffix}_{number:09}"
