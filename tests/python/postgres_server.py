"""A PostgreSQL server of the tests' own, on loopback, in a directory that goes with it."""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

PASSWORD = "opensesame"
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "40",
    "shared_buffers": "32MB",
}


def programs() -> pathlib.Path | None:
    """Where the server's programs are; Debian keeps them out of the PATH. None where they are not installed."""
    found = shutil.which("pg_ctl")
    known = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    return pathlib.Path(found).parent if found else known[-1].parent if known else None


@contextlib.contextmanager
def postgres_server():
    """Runs one; its address, as a dict of psycopg's arguments but for the password."""
    root = pathlib.Path(tempfile.mkdtemp(prefix="millstream-postgres-"))
    # It refuses to run as root: Debian's package has made a user for it.
    account = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
    if account:
        shutil.chown(root, "postgres", "postgres")

    def run(program, *arguments):
        command = [str(programs() / program), *arguments]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120, check=False, **account)
        log = (root / "log").read_text() if (root / "log").exists() else ""
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}{log}"

    (root / "password").write_text(PASSWORD)
    if account:
        shutil.chown(root / "password", "postgres")
    data = str(root / "data")
    try:
        run(
            "initdb", "-D", data, "-U", "tester", "-A", "scram-sha-256", f"--pwfile={root}/password", "-N", "-E", "UTF8"
        )
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        options = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
        run("pg_ctl", "-D", data, "-w", "-l", str(root / "log"), "-o", f"-p {port} -k {root} {options}", "start")
        try:
            yield {"host": "127.0.0.1", "port": port, "user": "tester", "dbname": "postgres"}
        finally:
            run("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(root, ignore_errors=True)
