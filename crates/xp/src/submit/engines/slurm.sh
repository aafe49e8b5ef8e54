#!/bin/bash
# {{ name }} for Slurm. `submit` prints the jobs, `states JOB...` a line for each task that has not ended: its number and
# its state; of the report, which has no number, another. `cancel JOB...` cancels; `task` and `report` are what the jobs run.
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
  # From here, since names of logs are patterns, which those of folders are not to be.
  cd "$here"
  common=(--parsable --job-name={{ name | quoted }} --open-mode=append
{%- if partition %} --partition={{ partition | quoted }}{% endif %}
{%- if account %} --account={{ account | quoted }}{% endif %})
  each=("${common[@]}" --requeue --signal=B:USR1@{{ grace_s }} --output=log/%a.log
{%- if cpus %} --cpus-per-task={{ cpus }}{% endif %}
{%- if gpus %} --gres=gpu:{{ gpus }}{% endif %}
{%- if memory_mib %} --mem={{ memory_mib }}M{% endif %}
{%- if time_s %} --time={{ (time_s + 59) // 60 }}{% endif %})
  before=
{%- if together > 0 %}
  job=$(sbatch "${each[@]}" --array=0-{{ together - 1 }} "$here/engine.sh" task)
  echo "$job"
  before=:$job
{%- endif %}
{%- if alone > 0 %}
  # Speeds are measured with nothing else on the node, when the rest is over.
  job=$(sbatch "${each[@]}" --exclusive --array={{ together }}-{{ together + alone - 1 }} \
    ${before:+"--dependency=afterany$before"} "$here/engine.sh" task)
  echo "$job"
  before=$before:$job
{%- endif %}
  sbatch "${common[@]}" --dependency="afterany$before" --output=log/report.log "$here/engine.sh" report
  ;;
task)
  # What Slurm takes back it tells all processes of a job, and this one has nothing to add. Of the end of the task's
  # own time only this one is told: it passes that on, and the task goes on in another turn.
  again=
  trap : TERM INT
  trap 'again=1; kill -TERM "$child"' USR1
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
    if answer=$(squeue --noheader --array --jobs="$job" --format='%K %T' 2>&1); then
      echo "$answer"
    elif [[ $answer != *"Invalid job id"* ]]; then
      # One that ended long ago is not known any more; anything else is no answer.
      echo "$answer" >&2
      exit 1
    fi
  done
  ;;
cancel)
  shift
  scancel "$@"
  ;;
esac
