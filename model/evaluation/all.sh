#!/usr/bin/env bash
# Everything a checkpoint is judged on, shared out over the GPUs of this machine: model/evaluation/all.sh CHECKPOINT OUT [OPTIONS]
#
# Text-to-video at 512 pixels, the other tasks at 256, super-resolution at each size of its own. Numbers and sizes by the
# environment: N_TEXT, TEXT_SIZE, N_TASKS, TASK_SIZE, N_SSR; GPUS, and PER_GPU processes on each. OPTIONS go to every
# process (--text DIR, --lpips FILE, --steps 8). Two H200: eight minutes at most.
set -euo pipefail
checkpoint=$1 out=$2
shift 2
python=${PYTHON:-python3}
gpus=${GPUS:-$(nvidia-smi -L | wc -l)}
shards=$((gpus * ${PER_GPU:-2}))
super=ssr_256,ssr_512,ssr_1024
mkdir -p "$out"

one() { # all parts of one shard
    local asked=("$python" -m model.evaluation.evaluate --checkpoint "$checkpoint" --out "$out" --shard "$1/$shards")
    "${asked[@]}" --parts text_to_video --n "${N_TEXT:-200}" --size "${TEXT_SIZE:-512}" "${@:2}"
    "${asked[@]}" --skip "text_to_video,$super" --n "${N_TASKS:-48}" --size "${TASK_SIZE:-256}" "${@:2}"
    "${asked[@]}" --parts "$super" --n "${N_SSR:-12}" "${@:2}"
}

pids=()
for ((shard = 0; shard < shards; shard++)); do
    CUDA_VISIBLE_DEVICES=$((shard % gpus)) one "$shard" "$@" >"$out/shard-$shard.log" 2>&1 &
    pids+=($!)
done
for shard in "${!pids[@]}"; do
    wait "${pids[$shard]}" || { tail -5 "$out/shard-$shard.log" >&2; exit 1; }
done
"$python" -m model.evaluation.evaluate --checkpoint "$checkpoint" --out "$out" --merge
