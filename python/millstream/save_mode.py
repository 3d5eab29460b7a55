"""What a writer does where its directory holds something already."""

from enum import StrEnum


class SaveMode(StrEnum):
    """append adds files, overwrite replaces what is there, ignore leaves it and writes nothing, error raises."""

    APPEND = "append"
    OVERWRITE = "overwrite"
    IGNORE = "ignore"
    ERROR = "error"
