#!/bin/sh
# Writes our own stubs of proto/ to a folder. Ours are the package service.pb, whatever package the contract names;
# everybody else takes protoc's as they are.
set -eu
python=$1 target=$2
protos=$(cd "$(dirname "$0")" && pwd)
raw=$(mktemp -d)
trap 'rm -rf "$raw"' EXIT
"$python" -m grpc_tools.protoc -I"$protos" --python_out="$raw" --pyi_out="$raw" --grpc_python_out="$raw" \
	"$protos"/ciotat/v1/*.proto
for made in "$raw"/ciotat/v1/*; do
	sed 's/^from ciotat\.v1 import/from service.pb import/' "$made" >"$target/$(basename "$made")"
done
