#!/bin/sh
# Text: markdownlint, codespell, and translations that have fallen behind. Skipped (77) where a program is missing.
#   prose_test.sh SOURCE_FOLDER BUILD_FOLDER
set -eu

cd "$1"
state=$2/../site
for program in node npm codespell; do
  command -v "$program" >/dev/null || { echo "skipped: $program is not installed; ./wirelab site installs it"; exit 77; }
done

failed=0
node slides/site/main.mjs behind --state "$state" || failed=1
node slides/site/main.mjs lint --state "$state" || failed=1

# Submissions of people who write other languages, translations, and what programs wrote, are not looked at.
# "hel" is half of a word that arrives in two pieces.
codespell --quiet-level 3 --ignore-words-list hel \
  --skip './build,./out,./grades,./.git,./examples/class,./slides/package-lock.json,*.ko.md,*.zh-Hant.md,./slides/ko,./slides/zh-Hant,*.pcap,./tests/corpus' \
  . || failed=1
exit $failed
