"""An S3 server of this machine that holds the files of a directory: prints its address, and ends with its input.

python benchmarks/s3_server.py --data DIR --bucket NAME
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import boto3
from moto.server import ThreadedMotoServer

REGION = "us-east-1"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--bucket", required=True)
    arguments = parser.parse_args()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    url = f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    client = boto3.client("s3", region_name=REGION, endpoint_url=url)
    client.create_bucket(Bucket=arguments.bucket)
    for path in sorted(arguments.data.iterdir()):
        client.put_object(Bucket=arguments.bucket, Key=f"{arguments.data.name}/{path.name}", Body=path.read_bytes())
    print(url, flush=True)
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main()
