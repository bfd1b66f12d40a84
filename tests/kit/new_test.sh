#!/bin/sh
# Makes kinds of projects that `patchbay-module new` knows, builds each against the installed SDK, runs its
# tests and its check, and installs an artifact that its generator makes: new_test.sh SDK [LANGUAGE/KIND...]
# Without any, all of them.
set -eu
sdk=$1
shift
[ $# -gt 0 ] || set -- sh/executable python/executable c/executable c/plugin c++/executable c++/plugin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
PATH=$sdk/bin:$PATH
export PATH
export CMAKE_PREFIX_PATH="$sdk"
kit=patchbay-module

# refused WANTED_TEXT ARGUMENT...
refused() {
  text=$1
  shift
  code=0
  "$kit" new "$@" > out 2>&1 || code=$?
  if [ "$code" = 0 ] || ! grep -qe "$text" out; then
    echo "new $*: want a refusal with '$text', have exit $code and:" >&2
    cat out >&2
    exit 1
  fi
}

refused 'a plugin is a shared object, which --lang sh cannot make' greeter --lang sh --plugin
refused 'a plugin is a shared object, which --lang python cannot make' greeter --lang python --plugin
refused 'lang' greeter
refused 'rust not in' greeter --lang rust
refused 'excludes' greeter --lang c --plugin --executable
refused 'cannot be the name of a new module' ../greeter --lang sh
refused 'cannot be the name of a new module' Greeter --lang sh
refused 'means something else' test --lang sh
refused 'no templates in /nowhere' greeter --lang sh --templates /nowhere
mkdir taken
refused 'taken is there already' taken --lang sh
[ "$(ls)" = "out
taken" ] || { echo "a refused project has left something behind:"; ls; exit 1; } >&2

# passes COMMAND...
passes() {
  code=0
  "$@" > out 2>&1 || code=$?
  if grep -qs "throw-away root" out; then cat out; exit 77; fi
  [ "$code" = 0 ] || { echo "$*: exit $code and:"; cat out; exit 1; } >&2
}

# made LANGUAGE KIND BUILT_MODULE: the commands that `new` names, as they are.
made() {
  name=my-$(echo "$1" | tr + p)-$2
  passes "$kit" new "$name" --lang "$1" "--$2"
  sed '1,/^$/d' out > commands
  passes sh -e commands
  (
    cd "$name"
    if grep -r --exclude-dir=build 'template-\|template_\|TemplateModule' .; then echo "$name: not all is filled in" >&2; exit 1; fi
    passes patchbay-artifact write "$name" --generators . -n release-2 -t board -o update.mender \
      "tests/$name.conf"
    passes "$kit" trace "$(echo "$3" | sed "s/NAME/$name/")" update.mender
    grep -q 'ArtifactCommit' out
    grep -q "changed: created /etc/$name.conf" out
  )
  [ "$(find "$name" -name check.xml | wc -l)" = 1 ] || { echo "$name: no report of the check" >&2; exit 1; }
  echo "$name: made, built, tested, checked"
}

for project; do
  case "$project" in
    sh/executable | python/executable) built=./NAME ;;
    */plugin) built=build/NAME.so ;;
    *) built=build/NAME ;;
  esac
  made "${project%/*}" "${project#*/}" "$built"
done
[ ! -d my-sh-executable ] || shellcheck my-sh-executable/my-sh-executable \
  my-sh-executable/tests/module_test.sh
