#!/bin/bash
# {{ name }} for Slurm. `submit` prints the jobs, `states JOB...` a line for each task that has not ended: its number and
# its state. `cancel JOB...` cancels; `task` and `report` are what the jobs run.
set -u
cd {{ start | quoted }} || exit
here={{ folder | quoted }}

trials() {
  case $1 in
{%- for ids in tasks %}
  {{ loop.index0 }}) echo {{ ids | join(" ") }} ;;
{%- endfor %}
  esac
}

case $1 in
submit)
  set -e
  common=(--parsable --job-name={{ name | quoted }} --open-mode=append
{%- if partition %} --partition={{ partition | quoted }}{% endif %}
{%- if account %} --account={{ account | quoted }}{% endif %})
  each=("${common[@]}" --requeue --signal=B:USR1@{{ grace_s }} --output="$here/log/%a.log"
{%- if cpus %} --cpus-per-task={{ cpus }}{% endif %}
{%- if gpus %} --gres=gpu:{{ gpus }}{% endif %}
{%- if memory_mib %} --mem={{ memory_mib }}M{% endif %}
{%- if time_s %} --time={{ (time_s + 59) // 60 }}{% endif %})
  after=
{%- if together > 0 %}
  after=$(sbatch "${each[@]}" --array=0-{{ together - 1 }} "$0" task)
  echo "$after"
{%- endif %}
{%- if alone > 0 %}
  # Speeds are measured with nothing else on the node, when the rest is over.
  after=$(sbatch "${each[@]}" --exclusive --array={{ together }}-{{ together + alone - 1 }} ${after:+--dependency=afterany:"$after"} "$0" task)
  echo "$after"
{%- endif %}
  sbatch "${common[@]}" --dependency=afterany:"$after" --output="$here/log/report.log" "$0" report
  ;;
task)
  # Slurm ends what it takes back: a word to stop, and some time. Where it is the task's own time that is over, the
  # task goes on in another turn.
  again=
  trap 'again=1; kill -TERM "$child"' USR1
  trap 'kill -TERM "$child"' TERM INT
  {{ run }} $(trials "$SLURM_ARRAY_TASK_ID") &
  child=$!
  wait "$child"
  code=$?
  while kill -0 "$child" 2>/dev/null; do
    wait "$child"
    code=$?
  done
  if [ -n "$again" ] && [ "$code" = 130 ]; then
    scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
  fi
  exit "$code"
  ;;
report)
  exec {{ report }}
  ;;
states)
  shift
  for job; do
    squeue --noheader --array --jobs="$job" --format='%K %T' 2>/dev/null
  done
  true
  ;;
cancel)
  shift
  scancel "$@"
  ;;
esac
