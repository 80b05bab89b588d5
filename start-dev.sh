#!/usr/bin/env sh
# Starts the whole system on this machine, the same as npm start: ./start-dev.sh --help
cd "$(dirname "$0")" || exit 1
if ! command -v node >/dev/null 2>&1; then
  echo "Taskgraph needs Node 20.19 or newer, and there is no node on this machine. Get it from https://nodejs.org/." >&2
  exit 1
fi
exec node scripts/start.mjs "$@"
