#!/bin/sh
# Tests of the bootstrap script ./wirelab, with stand-ins for everything that it calls: nothing is installed or built.
#   bootstrap_test.sh SOURCE_FOLDER
set -eu

source=$1
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT

# A course without content, and a folder of stand-ins that write down how they were called.
mkdir -p "$work/course/labs/03-tcp-echo" "$work/course/labs/05-unreliable-udp" "$work/bin" "$work/home"
touch "$work/course/labs/03-tcp-echo/checks.cc" "$work/course/labs/05-unreliable-udp/checks.cc"
cp "$source/wirelab" "$work/course"

stand_in() {
  printf '#!/bin/sh\necho "%s $*" >>"%s/calls"\n%s\n' "$1" "$work" "$2" >"$work/bin/$1"
  chmod +x "$work/bin/$1"
}

everything_is_there() {
  # shellcheck disable=SC2016
  stand_in dpkg-query 'for word; do case $word in -*) ;; *) echo "installed $word" ;; esac; done'
  stand_in apt-get ''
  stand_in sudo 'exit 1'
  stand_in id 'echo 1000'
  # shellcheck disable=SC2016
  stand_in cmake 'while [ $# -gt 0 ]; do [ "$1" = -B ] && mkdir -p "$2" && touch "$2/build.ninja"; shift; done'
  # shellcheck disable=SC2016
  stand_in ninja 'mkdir -p "$2/bin"; printf "#!/bin/sh\necho ran: \"\$@\"\nexit 7\n" >"$2/bin/wirelab"; chmod +x "$2/bin/wirelab"
echo "[1/2] one"; echo "[2/2] two"'
}

failures=0
begin() {
  test_name=$1
  chmod -R u+w "$work/course"
  rm -rf "$work/course/build" "$work/home/.cache" "$work/calls"
  touch "$work/calls"
  everything_is_there
}
run() {
  status=0
  output=$(env -u XDG_CACHE_HOME -u CI HOME="$work/home" PATH="$work/bin:$PATH" "$work/course/wirelab" "$@" 2>&1 </dev/null) || status=$?
}
complain() {
  failures=$((failures + 1))
  printf 'FAILED %s: %s\n--- it said:\n%s\n--- it called:\n%s\n' "$test_name" "$1" "$output" "$(cat "$work/calls")"
}
expect_status() { [ "$status" = "$1" ] || complain "status $status, not $1"; }
expect_output() { case $output in *"$1"*) ;; *) complain "no '$1' in the output" ;; esac; }
expect_call() { grep -qF -- "$1" "$work/calls" || complain "no call '$1'"; }
expect_no_call() { ! grep -qF -- "$1" "$work/calls" || complain "call '$1'"; }

begin "configures, builds, and runs the command with its arguments and its status"
run list --color 'two words'
expect_status 7
expect_output "ran: list --color two words"
expect_call "cmake --preset release -B $work/course/build/release"
expect_no_call "apt-get"

begin "a second run neither asks for packages nor configures"
run list
: >"$work/calls"
run list
expect_output "ran: list"
expect_no_call "dpkg-query"
expect_no_call "cmake"
expect_call "ninja"

begin "builds only what the command needs"
run list
expect_no_call "check-"
run check 5 --seed 3
expect_call "wirelab wirelab-launcher wirelab_prelude student_library check-05-unreliable-udp"
expect_no_call "check-03"
run check
expect_call "check-03-tcp-echo check-05-unreliable-udp"
run test
expect_call "release all"

begin "runs from another folder and through a link"
ln -s "$work/course/wirelab" "$work/link"
status=0
output=$(cd / && env HOME="$work/home" PATH="$work/bin:$PATH" "$work/link" list 2>&1) || status=$?
expect_output "ran: list"

begin "without root and sudo it names packages and command"
stand_in dpkg-query 'echo "installed g++"'
run list
expect_status 2
expect_output "install them with: sudo apt-get install bubblewrap clang cmake libarchive-dev"
expect_no_call "apt-get install"

begin "root installs what is missing, and only that"
stand_in id 'echo 0'
# shellcheck disable=SC2016
stand_in dpkg-query 'for word; do case $word in -* | mold) ;; *) echo "installed $word" ;; esac; done'
run list
expect_status 7
expect_call "apt-get update"
expect_call "apt-get install -y --no-install-recommends mold"

begin "what the site needs is asked for by the site alone, where there are solutions"
stand_in id 'echo 0'
# shellcheck disable=SC2016
stand_in dpkg-query 'for word; do case $word in -* | chromium | codespell) ;; *) echo "installed $word" ;; esac; done'
run list
run site out
expect_no_call "apt-get install"
expect_no_call "check-"
mkdir "$work/course/solutions"
run site out
expect_status 7
expect_call "apt-get install -y --no-install-recommends chromium codespell"
expect_call "wirelab wirelab-launcher wirelab_prelude student_library check-03-tcp-echo check-05-unreliable-udp"

begin "without root the site is refused, and the tests go on without it"
# shellcheck disable=SC2016
stand_in dpkg-query 'for word; do case $word in -* | chromium) ;; *) echo "installed $word" ;; esac; done'
run site out
expect_status 2
expect_output "install them with: sudo apt-get install chromium"
run test
expect_status 7
expect_output "the tests of the site are skipped; install them with: sudo apt-get install chromium"

begin "sudo that asks nothing is taken"
stand_in dpkg-query ''
# shellcheck disable=SC2016
stand_in sudo '[ "$1" = -n ] && shift; "$@"'
run list
expect_call "sudo -n apt-get update"
expect_status 7

begin "an installation that fails ends with the log and status 2"
stand_in id 'echo 0'
stand_in dpkg-query ''
stand_in apt-get 'echo "E: no such luck"; exit 100'
run list
expect_status 2
expect_output "E: no such luck"

begin "a build that fails ends with the log and status 2"
stand_in ninja 'echo "error: expected semicolon"; exit 1'
run list
expect_status 2
expect_output "error: expected semicolon"
expect_output "the build failed"

if [ "$(id -u)" != 0 ]; then   # root can write everywhere
  begin "a source folder that cannot be written is built in the cache"
  chmod a-w "$work/course"
  run list
  expect_status 7
  expect_output "building in $work/home/.cache/wirelab/"
fi

[ "$failures" = 0 ] && echo "all passed"
exit "$failures"
