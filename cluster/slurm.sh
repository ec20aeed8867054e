#!/usr/bin/env bash
# One study on the nodes of a Slurm job: sbatch cluster/slurm.sh --space cifar100 --study mine
# Everything after the script's name goes to `python -m search.run`. Submit it from the root of the
# repository, on a file system that all nodes share; a second submission goes on with the study.
#SBATCH --job-name=spikefront
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --gpus-per-task=1
#SBATCH --time=24:00:00
#SBATCH --signal=B:TERM@180
#SBATCH --requeue
set -euo pipefail

PYTHON=${SPIKEFRONT_PYTHON:-.venv/bin/python}
OUT=${SPIKEFRONT_OUT:-runs}
# Where every node keeps its data, if not where the space says:
# export SPIKEFRONT_DATA=/scratch/$USER/data

study=
arguments=("$@")
for ((i = 0; i < $#; i++)); do
    if [[ ${arguments[i]} == --study ]]; then study=${arguments[i + 1]:-}; fi
done
if [[ -z $study ]]; then
    echo "slurm.sh: --study NAME is needed, so that a second submission finds the study" >&2
    exit 2
fi

# Whoever reaches a Ray port runs code as you; on a shared cluster that must need a secret.
export RAY_AUTH_MODE=token
RAY_AUTH_TOKEN=$("$PYTHON" -c 'import secrets; print(secrets.token_hex(32))')
export RAY_AUTH_TOKEN
export RAY_USAGE_STATS_ENABLED=0

mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
port=$((20000 + SLURM_JOB_ID % 20000))
ips=$(srun --nodes=1 --ntasks=1 --nodelist="${nodes[0]}" hostname --ip-address)
head_ip=${ips%% *}
address="$head_ip:$port"
# A socket's path has at most 107 characters, so a short one; jobs that share a node must not share it.
scratch="/tmp/ray-$SLURM_JOB_ID"

start_node() { # node, options of `ray start`
    local node=$1
    shift
    srun --nodes=1 --ntasks=1 --exact --nodelist="$node" \
        "$PYTHON" -m ray.scripts.scripts start --block --temp-dir="$scratch" \
        --num-cpus="${SLURM_CPUS_PER_TASK:-1}" --num-gpus="${SLURM_GPUS_PER_TASK:-0}" "$@" &
    steps+=($!)
}

steps=()
driver=
finish() {
    # Only what this job has started: `ray stop` would end the Ray of other jobs on these nodes too.
    if ((${#steps[@]})); then kill "${steps[@]}" 2>/dev/null || true; fi
    wait || true
}
trap finish EXIT
# Slurm's signal before the time is over: the study is recorded, and the next submission goes on with it.
trap 'if [[ -n $driver ]]; then kill -TERM "$driver" 2>/dev/null || true; fi' TERM

start_node "${nodes[0]}" --head --node-ip-address="$head_ip" --port="$port" --include-dashboard=false
for node in "${nodes[@]:1}"; do
    start_node "$node" --address="$address"
done

# The trials that run at once are counted when the study starts, so all nodes must be there.
"$PYTHON" - "$address" "${#nodes[@]}" <<'PYTHON_CODE'
import logging
import sys
import time

import ray

address, wanted = sys.argv[1], int(sys.argv[2])
deadline = time.monotonic() + 300
while True:
    try:
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
        if sum(node["Alive"] for node in ray.nodes()) >= wanted:
            break
        ray.shutdown()
    except (ConnectionError, RuntimeError):
        pass
    if time.monotonic() > deadline:
        sys.exit(f"slurm.sh: not all of {wanted} nodes have joined {address} within 300 s")
    time.sleep(2)
PYTHON_CODE

more=()
if [[ -s $OUT/$study/journal.log ]]; then more=(--resume); fi
"$PYTHON" -m search.run "$@" --out "$OUT" --address "$address" "${more[@]}" &
driver=$!
# A signal ends `wait`, not the driver.
while true; do
    code=0
    wait "$driver" || code=$?
    kill -0 "$driver" 2>/dev/null || break
done
exit "$code"
