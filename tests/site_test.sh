#!/bin/sh
# The site, built as a user would and opened in Chromium. Skipped (77) where a program that it needs is not installed.
#   site_test.sh WIRELAB SOURCE_FOLDER BUILD_FOLDER
set -eu

wirelab=$1 source=$2 build=$3
for program in node npm chromium doxygen dot msc-gen; do
  command -v "$program" >/dev/null || { echo "skipped: $program is not installed; ./wirelab site installs it"; exit 77; }
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "FAILED: $1"
  exit 1
}

# A folder that holds something else is left alone.
mkdir "$work/other"
echo precious >"$work/other/file"
status=0
"$wirelab" site "$work/other" >"$work/said" 2>&1 || status=$?
[ "$status" = 2 ] || fail "site into another's folder: status $status"
grep -q "no site of ours" "$work/said" || fail "site into another's folder: $(cat "$work/said")"
[ "$(cat "$work/other/file")" = precious ] || fail "site into another's folder has changed it"

"$wirelab" site "$work/site" || fail "the site could not be built"
# shellcheck disable=SC2012  # our own names
[ "$(ls -A "$work" | tr '\n' ' ')" = "other said site " ] || fail "something is left beside the site: $(ls -A "$work")"

# Where the site was built is nowhere in it.
! grep -rqF -e "$work" -e "$source/" "$work/site" || fail "paths of this machine: $(grep -rlF -e "$work" -e "$source/" "$work/site" | head -n 3)"

node "$source/tests/site_test.mjs" "$work/site" "$build"
