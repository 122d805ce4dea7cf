#!/usr/bin/env bash
# Train the whole cascade on all GPUs of one machine: cascade.sh OUT [options of model.training.train]
#
# First the upscaler (and, if JUDGES is not 0, the judges) on the last GPU, beside it the image network on the others;
# then the image network, its rate falling, and the temporal layers on all of them. On one GPU, one after the other.
# Minutes are set by the environment. Logs, samples and weights are in OUT as it goes.
set -euo pipefail
out=$1
shift
mkdir -p "$out"
python=${PYTHON:-python3}
gpus=${GPUS:-$(nvidia-smi -L | wc -l)}
first=${BASE_IMAGE_FIRST:-6} # minutes of the image network beside the upscaler, at the full rate

stages() { # GPUs of this run, its log, then stages and options
    local n=$1 log=$2
    shift 2
    "$python" -m torch.distributed.run --standalone --nproc-per-node "$n" -m model.training.train "$@" \
        --out "$out" >>"$out/$log" 2>&1
}

beside() {
    export CUDA_VISIBLE_DEVICES=$((gpus - 1))
    if [ "${JUDGES:-0}" != 0 ]; then
        "$python" -m model.evaluation.judges train --out "$out/judges" --minutes "$JUDGES" --device cuda \
            >"$out/judges.log" 2>&1
    fi
    stages 1 upscaler.log "ssr_image=${SSR_IMAGE:-4}" "ssr_temporal=${SSR_TEMPORAL:-2}" "$@"
}

beside "$@" &
beside=$!
trap 'kill $beside 2>/dev/null || true' EXIT
[ "$gpus" -gt 1 ] || wait "$beside"
stages $((gpus > 1 ? gpus - 1 : 1)) base.log "base_image=$first" "$@" --decay 0
wait "$beside"
stages "$gpus" base.log "base_image=${BASE_IMAGE:-6}" "$@" --decay 0.6 --seed 1 --resume "$out"
stages "$gpus" base.log "base_temporal=${BASE_TEMPORAL:-8}" "$@"
