#!/bin/bash
# {{ name }} for HyperQueue. `submit` prints the job, `states JOB` a line for each task that has not ended: its number
# and its state. `cancel JOB` cancels; `task N` and `report` are what the job's tasks run.
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
  cat >"$here/job.toml" <<'END' || exit
{%- macro definition(number, words, log, before) %}

[[task]]
id = {{ number }}
command = ["bash", {{ (folder ~ "/engine.sh") | tojson }}, {{ words }}]
stdout = {{ (folder ~ "/log/" ~ log ~ ".log") | tojson }}
stderr = {{ (folder ~ "/log/" ~ log ~ ".err") | tojson }}
{%- if before > 0 %}
deps = [{{ range(before) | join(", ") }}]
{%- endif %}
{%- endmacro %}
name = {{ name | tojson }}
{%- for ids in tasks %}
{%- set number = loop.index0 %}
{#- Speeds are measured with nothing else on the node, when the rest is over. #}
{%- set alone = number >= together %}
{{- definition(number, '"task", "' ~ number ~ '"', number, number if alone else 0) }}
{%- if time_s %}
time_limit = "{{ time_s }}s"
{%- endif %}

[[task.request]]
resources = { "cpus" = "{{ "all" if alone else cpus or 1 }}"
{%- if gpus %}, "gpus/nvidia" = "{{ gpus }}"{% endif %}
{%- if memory_mib %}, "mem" = "{{ memory_mib }}"{% endif %} }
{%- endfor %}
{{- definition(tasks | length, '"report"', "report", tasks | length) }}
END
  hq --output-mode quiet job submit-file "$here/job.toml"
  ;;
task)
  # A task that fails would take the report with it; what became of its trials is in the working folder.
  {{ run }} $(trials "$2") || true
  ;;
report)
  exec {{ report }}
  ;;
states)
  shift
  answer=$(hq --output-mode json task list "$1") || exit
  echo "$answer" | tr '{}' '\n\n' |
    sed -n 's/.*"id": *\([0-9]*\).*"state": *"\([a-z]*\)".*/\1 \2/p' | grep -v -e finished -e failed -e canceled
  true
  ;;
cancel)
  shift
  hq job cancel "$1"
  ;;
esac
