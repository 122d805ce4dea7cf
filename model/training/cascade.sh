#!/usr/bin/env bash
# Train the whole cascade on all GPUs of one machine: cascade.sh OUT [options of model.training.train]
#
# The base model (its two stages one after the other) runs on every GPU. Judges and super-resolution run beside it on the
# last GPU: none of them fills one. Minutes are set by the environment. Logs, samples and weights are in OUT as it goes.
set -euo pipefail
out=$1
shift
mkdir -p "$out"
python=${PYTHON:-python3}
gpus=${GPUS:-$(nvidia-smi -L | wc -l)}

(
    export CUDA_VISIBLE_DEVICES=$((gpus - 1))
    if [ "${JUDGES:-0}" != 0 ]; then
        "$python" -m model.evaluation.judges train --out "$out/judges" --minutes "$JUDGES" --device cuda
    fi
    "$python" -m model.training.train "ssr_image=${SSR_IMAGE:-5}" "ssr_temporal=${SSR_TEMPORAL:-4}" --out "$out" "$@"
) >"$out/beside.log" 2>&1 &
beside=$!
trap 'kill $beside 2>/dev/null || true' EXIT

"$python" -m torch.distributed.run --standalone --nproc-per-node "$gpus" -m model.training.train \
    "base_image=${BASE_IMAGE:-14}" "base_temporal=${BASE_TEMPORAL:-9}" --out "$out" "$@" >"$out/base.log" 2>&1
wait "$beside"
