#!/usr/bin/env bash
# `xp submit` with a real Slurm: a controller and two nodes on this machine, as root, under a folder of its own.
#
#   scripts/slurm.sh XP
#
# A sweep of a few seconds a trial is submitted. In its middle one node loses power, one task is queued anew and one
# is cancelled; another trial needs several turns. At the end every trial is done, once, and the last job has written
# the report. Needs slurmctld, slurmd and their client; where they are missing, that is said, with exit 0.
set -euo pipefail
xp=$(realpath "$1")
for program in slurmctld slurmd sbatch unshare; do
  command -v "$program" >/dev/null || { echo "skipped: no $program (Debian: slurmctld slurmd slurm-client)"; exit 0; }
done
unshare --uts --pid --fork --kill-child --mount-proc sh -c "hostname n1" 2>/dev/null || {
  echo "skipped: nodes of their own need namespaces, as root has them"
  exit 0
}

lab=$(mktemp -d)
export SLURM_CONF=$lab/slurm.conf
port=${BASEPORT:-16817}
nodes=()

cleanup() {
  scancel --user=root >/dev/null 2>&1 || true
  # A node's first process ends with all others of it.
  kill -9 "${nodes[@]}" "${controller:-}" 2>/dev/null || true
  [ -n "${KEEP:-}" ] && echo "kept: $lab" || rm -rf "$lab"
}
trap cleanup EXIT

mkdir "$lab"/{state,log,spool.n1,spool.n2}
cat >"$SLURM_CONF" <<C
ClusterName=switchyard
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
SlurmdUser=root
AuthType=auth/none
CredType=cred/none
AuthInfo=cred_expire=5
StateSaveLocation=$lab/state
SlurmdSpoolDir=$lab/spool.%n
SlurmctldPidFile=$lab/slurmctld.pid
SlurmdPidFile=$lab/slurmd.%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
MailProg=/bin/true
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_interval=2,batch_sched_delay=0,sched_min_interval=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SlurmdParameters=config_overrides
SlurmdTimeout=10
SlurmctldTimeout=30
KillWait=20
NodeName=n1 NodeHostname=n1 NodeAddr=127.0.0.1 Port=$((port + 1)) CPUs=2 RealMemory=4000
NodeName=n2 NodeHostname=n2 NodeAddr=127.0.0.1 Port=$((port + 2)) CPUs=2 RealMemory=4000
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
C

# A node is a namespace of its own: to end it is a power cut.
node() {
  unshare --uts --pid --fork --kill-child --mount-proc \
    sh -c "hostname $1; exec slurmd -D -N $1" >>"$lab/log/$1.log" 2>&1 &
  nodes+=($!)
  disown
}
slurmctld -D -c >"$lab/log/slurmctld.log" 2>&1 &
controller=$!
disown
node n1
first=$!
node n2

# Waits until a command succeeds: until SECONDS WORDS.
until_true() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || { echo "failed: waited too long for: $*" >&2; squeue --array >&2; exit 1; }
    sleep 0.3
  done
}
idle() { [ "$(sinfo --noheader --format=%D --states=idle)" = 2 ]; }
nothing_left() { [ -z "$(squeue --noheader)" ]; }
running_on() { squeue --noheader --array --states=RUNNING --format='%F_%K' --nodelist="$1" | grep -v N/A | head -1 | grep .; }
# What is not done yet has an exit code of its own.
says() { { "$xp" status "$2" || [ $? = 5 ]; } | grep "$1"; }
done_trials() { "$xp" status sweep.toml --json | python3 -c 'import json, sys; print(json.load(sys.stdin).get("done", 0))'; }

cd "$lab"
cat >sweep.toml <<'T'
name = "clustered"
question = "Does every trial come to its end?"
job = "train"
seeds = [1, 2, 3]
[data]
corpus = { tinytales = { stories = 50 } }
[model.tiny-moe]
layers = 1
dim = 32
heads = 2
[moe]
experts = 4
[train]
steps = 1500
batch = 4
sequence = 32
warmup = 2
log-every = 50
eval-every = 500
eval-windows = 2
checkpoint-every = 100
[axes]
strategy = ["top1", "soft-top-k", "hash"]
[speed]
[run]
cpus = 1
T
until_true 30 idle
echo "== submitted"
"$xp" submit sweep.toml --to slurm
"$xp" submit sweep.toml --to slurm 2>&1 | grep "a scheduler has"

until_true 60 running_on n1
until_true 60 running_on n2
says RUNNING sweep.toml
echo "== n1 loses power"
kill -9 "$first"
scontrol update nodename=n1 state=down reason="power cut"
sleep 1
task=$(running_on n2)
echo "== $task is queued anew"
scontrol requeue "$task"
node n1
until_true 60 running_on n1
task=$(running_on n1)
echo "== $task is cancelled"
scancel "$task"
until_true 300 nothing_left
echo "== what is left"
"$xp" status sweep.toml && { echo "failed: nothing was left of what was cancelled" >&2; exit 1; }
"$xp" submit sweep.toml --to slurm
until_true 300 nothing_left
"$xp" status sweep.toml
[ "$(done_trials)" = 10 ] || { echo "failed: $(done_trials) trials of 10 are done" >&2; exit 1; }
report=.xp/clustered/base-cpu/submitted/2/log/report.log
grep -q report.html "$report" || { echo "failed: the last job wrote no report" >&2; cat "$report" >&2; exit 1; }
begun=$(cat .xp/clustered/base-cpu/submitted/*/log/[0-9]*.log | grep -c 'done in')
[ "$begun" = 10 ] || { echo "failed: 10 trials ended $begun times" >&2; exit 1; }

echo "== a trial that needs several turns"
sed -e 's/clustered/turns/' -e 's/seeds = .*/seeds = [1]/' -e 's/steps = 1500/steps = 60000/' \
  -e 's/"top1", "soft-top-k", "hash"/"top1"/' -e '/^\[speed\]/d' -e '/^checkpoint-every/d' sweep.toml >turns.toml
echo 'time = "1m"' >>turns.toml
"$xp" submit turns.toml --to slurm
turns() { scontrol show job -o | grep -q 'JobName=xp-turns.*Restarts=1'; }
until_true 200 turns
# It saved itself for its second turn, and does so again when it is cancelled.
until_true 60 running_on n1,n2
before=$(stat -c %Y .xp/turns/base-cpu/checkpoints/*/*/checkpoint.json)
sleep 3
"$xp" submit turns.toml --cancel
until_true 60 nothing_left
after=$(stat -c %Y .xp/turns/base-cpu/checkpoints/*/*/checkpoint.json)
[ "$after" != "$before" ] || { echo "failed: what was cancelled did not save itself" >&2; exit 1; }
says interrupted turns.toml
echo "== all held"
