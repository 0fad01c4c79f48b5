#!/bin/bash
# The packages: built without a trace in the tree, the same bytes wherever and whenever they are built, and nothing that
# lintian finds.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/host.sh
. tests/lib/machine.sh
. tests/lib/tap.sh

for program in dpkg-buildpackage dh lintian; do
	command -v $program >/dev/null || { echo "1..0 # skip $program is not installed"; exit 0; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

state()
{
	git status --porcelain --ignored 2>/dev/null || find . -path ./build -prune -o -print
}

before=$(state)
debs=$(machine_debs) || { echo "1..1"; echo "not ok 1 - the packages can be built"; exit 1; }
result "a build leaves nothing in the tree" "$(diff <(echo "$before") <(state))"
result "the version is that of the program" \
	"$(diff <(sed -n 's/^sessd (\(.*\)) .*/\1/p;q' debian/changelog) <(sed -n 's/.*SESSD_VERSION "\(.*\)"/\1/p' common/version.h))"
result "lintian finds nothing" "$(TMPDIR=$work lintian --pedantic --allow-root "$debs"/*.changes 2>&1)"

# Elsewhere, later, with another umask, language and time zone, and in a path of another length.
(umask 077 && env -i PATH="$PATH" HOME="$HOME" TZ=Pacific/Kiritimati LC_ALL=C \
	debian/build "$work/a/folder-of-another-name") 2>&1 | sed 's/^/# /'
sums()
{
	(cd "$1" && sha256sum ./*.deb ./*.tar.xz)
}
result "the packages are built" "$([ "$(sums "$debs" | wc -l)" = 7 ] || sums "$debs")"
result "another build has the same bytes" "$(diff <(sums "$debs") <(sums "$work/a/folder-of-another-name") 2>&1)"
plan
