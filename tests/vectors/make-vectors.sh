#!/bin/bash
# Makes the test vectors: good artifacts with the real mender-artifact, odd and broken ones by taking
# a good one apart (make_mutants.py). expectations.json says what a reader has to make of each.
#
#   make-vectors.sh [--large] OUTDIR
#
# OUTDIR is emptied first. --large makes only the artifact with a file of 8 GiB, which takes a minute.
# Keys are new in every run; checksums and sizes of the content are not. With PATCHBAY_VECTORS_MADE, the
# vectors that an earlier run has made in that directory are copied.
# shellcheck disable=SC2086  # R and M are lists of arguments on purpose
set -eu
here=$(cd "$(dirname "$0")" && pwd)
large=0 out=
for argument in "$@"; do
    case "$argument" in
        --large) large=1 ;;
        -*) echo "make-vectors.sh: unknown option $argument" >&2; exit 2 ;;
        *) out=$argument ;;
    esac
done
[ -n "$out" ] || { echo "usage: make-vectors.sh [--large] OUTDIR" >&2; exit 2; }

need() { # need PROGRAM PACKAGE
    command -v "$1" >/dev/null || { echo "make-vectors.sh: $1 is missing: apt-get install $2" >&2; exit 2; }
}
need mender-artifact mender-artifact
need python3 python3
need openssl openssl
need zstd zstd

umask 022
rm -rf "$out"
made=${PATCHBAY_VECTORS_MADE:-}
if [ $large = 0 ] && [ -e "$made/complete" ]; then
    cp -a "$made" "$out"
    echo "copied from $made"
    exit 0
fi
mkdir -p "$out/in" "$out/keys" "$out/valid" "$out/mutants"
cd "$out"

W() { # W NAME SUBCOMMAND ARGS...
    local name=$1 sub=$2; shift 2
    mender-artifact write "$sub" "$@" -o "valid/$name.mender" >log 2>&1 || { echo "FAILED $name"; cat log; exit 1; }
}
R="-t dev-a -n rel-1 -f in/rootfs.ext4 --no-progress"
M="-t dev-a -n rel-1 -T vec-module"

if [ $large = 1 ]; then
    truncate -s 8589934592 in/huge.img # one byte more than 11 octal digits can say
    W large-8GiB module-image $M -f in/huge.img
    rm in/huge.img
    exit 0
fi

# ---------------------------------------------------------------- keys
# The Debian tool (3.9.0) only loads PKCS#1 and SEC1 private keys, not PKCS#8.
(
    cd keys
    openssl genrsa -traditional -out rsa2048.key 2048
    openssl genrsa -traditional -out rsa3072.key 3072
    openssl ecparam -genkey -name prime256v1 -noout -out ec.key
    for k in rsa2048 rsa3072; do openssl rsa -in $k.key -pubout -out $k.pub; done
    openssl ec -in ec.key -pubout -out ec.pub
) >/dev/null 2>&1

# ---------------------------------------------------------------- inputs (fixed content, mode, mtime)
(
    cd in
    printf 'hello\n' > a.txt
    printf 'world\n' > b.txt
    : > empty.bin
    python3 -c 'import hashlib,sys
o=b"";s=b"mender"
while len(o)<1<<20: s=hashlib.sha256(s).digest(); o+=s
sys.stdout.buffer.write(o)' > random-1M.bin
    head -c 300000 /dev/zero > zeros.img
    head -c 100000 random-1M.bin > rootfs.ext4
    n90=$(printf 'n%.0s' $(seq 86)).txt; n200=$(printf 'm%.0s' $(seq 196)).txt
    printf 'ninety\n' > "$n90"; printf 'two hundred\n' > "$n200"
    printf '{}' > md-empty.json
    printf '{"k":"v","n":[1,2]}' > md-flat.json
    printf '{ "z":1, "a":{"b":[1,{"c":null}],"big":9007199254740993,"f":1.50}, "s":"<&>\\u00e9\\u2028\\ud83d\\ude00" }' > md-nested.json
    printf '{"containers":["docker.io/library/alpine@sha256:%064d"],"run_args":"--rm -it"}' 7 > md-docker.json
    printf '/opt/app\n' > dest_dir; printf 'app.conf\n' > filename; printf '640\n' > permissions
    printf 'key=value\n' > app.conf
    mkdir tree && printf 'x\n' > tree/x && ln -s x tree/link && tar --sort=name --mtime=@1700000000 --owner=0 --group=0 --numeric-owner -cf update.tar -C tree .
    mkdir scripts
    for s in ArtifactInstall_Enter_00 ArtifactInstall_Leave_01_net ArtifactInstall_Error_02 \
             ArtifactReboot_Enter_00 ArtifactReboot_Leave_00 ArtifactReboot_Error_00 \
             ArtifactCommit_Enter_00 ArtifactCommit_Leave_99_last ArtifactCommit_Error_00 \
             ArtifactRollback_Enter_00 ArtifactRollback_Leave_00 \
             ArtifactRollbackReboot_Enter_00 ArtifactRollbackReboot_Leave_00 \
             ArtifactFailure_Enter_00 ArtifactFailure_Leave_00; do
        printf '#!/bin/sh\necho %s\n' $s > scripts/$s; chmod 755 scripts/$s
    done
    chmod 640 app.conf
    find . -exec touch -h -d @1700000000 {} +
)

# ---------------------------------------------------------------- good ones
W rootfs-none            rootfs-image $R --compression none
W rootfs-gzip            rootfs-image $R --compression gzip
W rootfs-lzma            rootfs-image $R --compression lzma
W rootfs-zeros           rootfs-image -t dev-a -n rel-1 -f in/zeros.img --no-progress
W rootfs-full            rootfs-image -t dev-a -t dev-b -n rel-2 -f in/rootfs.ext4 --no-progress \
                         -N rel-1 -N rel-0 -g prod -G prod -G test -p k1:v1 -p k2:v:2 -d rootfs-image.checksum:abc \
                         --clears-provides 'extra.*' --software-name core --software-version 1.2.3 \
                         --software-filesystem part-b -s in/scripts/ArtifactInstall_Enter_00
W rootfs-legacy-checksum rootfs-image $R --legacy-rootfs-image-checksum
W rootfs-bare            rootfs-image $R --no-checksum-provide --no-default-software-version --no-default-clears-provides
W rootfs-signed-rsa2048  rootfs-image $R -k keys/rsa2048.key
W rootfs-signed-rsa3072  rootfs-image $R -k keys/rsa3072.key --compression none
W rootfs-signed-ec       rootfs-image $R -k keys/ec.key
cp valid/rootfs-signed-rsa2048.mender valid/rootfs-resigned-ec.mender
mender-artifact sign -f -k keys/ec.key valid/rootfs-resigned-ec.mender >log 2>&1
W v2-rootfs              rootfs-image $R -v 2
W v2-rootfs-signed       rootfs-image $R -v 2 --compression lzma -k keys/ec.key -s in/scripts/ArtifactCommit_Leave_99_last
W module-no-files        module-image $M
W module-multi           module-image $M -f in/b.txt -f in/a.txt -f in/empty.bin -f in/random-1M.bin -f in/update.tar
W module-meta-empty      module-image $M -f in/a.txt -m in/md-empty.json
W module-meta-flat       module-image $M -f in/a.txt -m in/md-flat.json
W module-meta-nested     module-image $M -f in/a.txt -m in/md-nested.json
W module-scripts         module-image $M -f in/a.txt -s in/scripts
W module-clears          module-image $M -f in/a.txt --clears-provides 'rootfs-image.vec-module.*' --clears-provides '*' -d d1:x -d d2:y
W module-name-90         module-image $M -f "$(ls -d in/n*.txt)"
W module-name-200        module-image $M -f "$(ls -d in/m*.txt)" --compression none
W module-name-unicode    module-image -t 'dev-ü' -n 'rel-ünï-名前' -T vec-module -f in/a.txt
W module-name-blank      module-image -t 'dev a' -n 'rel 1' -T vec-module -f in/a.txt
W module-augmented       module-image $M -f in/a.txt -m in/md-flat.json --augment-type vec-module --augment-file in/b.txt \
                         --augment-meta-data in/md-flat.json --augment-depends ad:1 --augment-provides ap:2
W module-augmented-signed module-image $M -k keys/ec.key --augment-type vec-module --augment-file in/b.txt
W rootfs-augmented       module-image -t dev-a -n rel-1 -T rootfs-image --augment-type rootfs-image --augment-file in/rootfs.ext4
W bootstrap-min          bootstrap-artifact -t dev-a -n boot-1 --no-progress
W bootstrap-full         bootstrap-artifact -t dev-a -n boot-1 --no-progress -g prod -p rootfs-image.version:v1 -d k:v \
                         --clears-provides '*' -k keys/rsa2048.key --compression none
W single-file            module-image -t dev-a -n rel-1 -T single-file -f in/dest_dir -f in/filename -f in/permissions -f in/app.conf
W directory              module-image -t dev-a -n rel-1 -T directory -f in/update.tar -f in/dest_dir
W docker                 module-image -t dev-a -n rel-1 -T docker -m in/md-docker.json
# The Debian tool has no zstd: repack two of the above.
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$here" python3 - <<'PY'
from artlib import Art
for src, dst in (("rootfs-gzip", "rootfs-zstd"), ("module-multi", "module-zstd")):
    a = Art(open("valid/%s.mender" % src, "rb").read())
    a.hsuf = a.dsuf = ".zst"
    if dst == "rootfs-zstd":
        a.hset("headers/0000/type-info", a.hget("headers/0000/type-info").data.replace(b'"type":""', b'"type":"rootfs-image"'))
    open("valid/%s.mender" % dst, "wb").write(a.build())
PY

# ---------------------------------------------------------------- bad ones
W base-plain  module-image -t dev-a -n vec-1 -T vec-module -f in/a.txt -f in/b.txt -m in/md-flat.json -s in/scripts/ArtifactInstall_Enter_00
W base-signed module-image -t dev-a -n vec-1 -T vec-module -f in/a.txt -f in/b.txt -m in/md-flat.json -s in/scripts/ArtifactInstall_Enter_00 -k keys/ec.key
mv valid/base-plain.mender valid/base-signed.mender .
PYTHONDONTWRITEBYTECODE=1 python3 "$here/make_mutants.py" base-plain.mender base-signed.mender keys/ec.key mutants
rm -f log
touch complete
echo "$(find valid mutants -name '*.mender' | wc -l) artifacts in $out"
