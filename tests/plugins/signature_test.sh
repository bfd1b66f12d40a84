#!/bin/sh
# An install with PluginVerifyKeys, signed with openssl as the manual says:
# signature_test.sh PATCHBAY PLUGIN
set -eu
patchbay=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 022
cd "$work"
mkdir -p modules data
cp "$2" modules/smallest.so
chmod 644 modules/smallest.so
openssl genrsa -out key.pem 2048 2>/dev/null
openssl rsa -in key.pem -pubout -out public.pem 2>/dev/null
echo device_type=board > data/device_type
echo content > file
mender-artifact write module-image -T smallest -n release-2 -t board -f file -o update.mender >/dev/null
cat > patchbay.conf <<END
{"Patchbay": {"ModuleDirectories": ["$work/modules"], "PluginVerifyKeys": ["$work/public.pem"]}}
END

# install WANTED_EXIT WANTED_TEXT
install() {
  set +e
  MENDER_CONF_DIR=$work "$patchbay" -c patchbay.conf -d data -l info install update.mender >out 2>&1
  code=$?
  set -e
  if [ "$code" != "$1" ] || ! grep -q -- "$2" out; then
    echo "want exit $1 and '$2', have $code and:" >&2
    cat out >&2
    exit 1
  fi
}

install 5 'not signed: Patchbay.PluginVerifyKeys has keys, and there is no'
openssl dgst -sha256 -sign key.pem modules/smallest.so | base64 -w 0 > modules/smallest.so.sig
install 0 'smallest ArtifactInstall: installed'
MENDER_CONF_DIR=$work "$patchbay" -c patchbay.conf -d data commit >/dev/null 2>&1 || true
printf x >> modules/smallest.so
install 5 'signature'
if "$patchbay" module-host 2>err; then echo "module-host ran by hand" >&2; exit 1; fi
grep -q 'starts it itself' err
echo "unsigned and changed plugins are refused, the signed one runs"
