"""Each copy of Arrow has an S3 client of its own. The second argument says who starts and ends it, in what order."""

import sys

from imports import _core, pa
from pyarrow import fs


def theirs_lives():
    try:
        fs.S3FileSystem(anonymous=True, region="us-east-1", endpoint_override="127.0.0.1:9", scheme="http")
    except (pa.ArrowInvalid, OSError) as error:
        if "inalized" not in str(error):
            raise
        return False
    return True


CALLS = {
    "start ours": _core.ensure_s3_initialized,
    "end ours": _core.finalize_s3,
    "start theirs": fs.initialize_s3,
    "end theirs": fs.finalize_s3,
}
steps = sys.argv[2].split(", ")
for count, step in enumerate(steps, 1):
    CALLS[step]()
    done = steps[:count]
    assert _core.is_s3_initialized() == ("start ours" in done and "end ours" not in done), step
    if "start theirs" in done:
        assert theirs_lives() == ("end theirs" not in done), step
if "end ours" in steps:
    try:
        _core.ensure_s3_initialized()
    except RuntimeError as error:
        assert "cannot be started again" in str(error)  # noqa: PT017
    else:
        raise AssertionError("S3 was started a second time")
print("ended" if "end ours" in steps else "left to the exit")
