#!/usr/bin/env bash
# The manual pages: mandoc finds nothing to warn of, every reference to a page of ours leads to one, and the
# pages of the daemons have the options of their --help and no others.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build/plain}
. tests/lib/tap.sh

# missing LIST FROM: the lines of LIST that FROM lacks
missing()
{
	comm -23 <(sort -u <<<"$1") <(sort -u <<<"$2")
}

pages=(*/*.[1-9] sessd/*/*.[1-9])
for page in sessd/sessd.8 sessd/sessd.conf.5 sessctl/sessctl.8 pam_module/pam_sess.8 \
	sessd/reauth/sessd-reauth.8 sessd/stopper/sessd-stopper.8 fleet/sessd-fleet.8; do
	result "there is $page" "$([ -s "$page" ] || echo "it is missing")"
done
for page in "${pages[@]}"; do
	if command -v mandoc >/dev/null; then
		result "mandoc has no warning of $page" "$(mandoc -T lint -W warning "$page" 2>&1)"
	else
		n=$((n + 1))
		echo "ok $n - mandoc has no warning of $page # SKIP mandoc is not installed"
	fi
done

names=$(for page in "${pages[@]}"; do page=${page##*/}; echo "${page%.*} ${page##*.}"; done)
ours=$(sed -n 's/^\.Xr \(sessd[^ ]*\|sessctl\|pam_sess\) \([1-9]\).*/\1 \2/p' "${pages[@]}")
result "pages refer to pages of ours that exist" "$(missing "$ours" "$names")"

# The agent's options, and those of its configuration.
help=$("$build/fleet/sessd-fleet" --help | grep -o -e '--[a-z-]*' | sort -u)
page=$(sed -n '/^\.Sh DESCRIPTION/,/^\.Sh CONFIGURATION/s/^\.It .*Fl -\([a-z-]*\).*/--\1/p' fleet/sessd-fleet.8)
result "sessd-fleet(8) has the options of sessd-fleet --help" "$(missing "$help" "$page" && missing "$page" "$help")"
rows=$(sed -n 's/^\t{"\([a-z_]*\)", "\([^"]*\)", "\([^"]*\)"},$/\1 = \2: \3/p' fleet/conf.c)
page=$(sed -n '/^\.Sh CONFIGURATION/,/^\.Sh CAPS/p' fleet/sessd-fleet.8 |
	awk '/^\.It Cm/ { sub(/^\.It Cm /, ""); sub(/ = Ar /, " = "); printf "%s: ", $0; getline; print }')
result "there are options of fleet.conf" "$([ "$(wc -l <<<"$rows")" -ge 9 ] || echo "only: $rows")"
result "sessd-fleet(8) has the options of fleet.conf, in their words" "$(diff <(echo "$rows") <(echo "$page"))"

# Options as `--word`; a page writes them `.It Fl c , Fl -config Ar FILE`.
options_agree() # PROGRAM PAGE FIRST-SECTION-BEHIND-THE-OPTIONS AT-LEAST
{
	local name=${1##*/} help page
	help=$("$build/$1" --help | grep -o -e '--[a-z-]*' | grep -v '^--$')
	page=$(sed -n "/^\.Sh DESCRIPTION/,/^\.Sh $3/s/^\.It .*Fl -\([a-z-]*\).*/--\1/p" "$2")
	result "$name --help has options" "$([ "$(wc -l <<<"$help")" -ge "$4" ] || echo "only: $help")"
	result "every option of $name --help is in its page" "$(missing "$help" "$page")"
	result "every option in $name's page is in $name --help" "$(missing "$page" "$help")"
	help=$("$build/$1" --help | grep -o '^  -[a-zA-Z]' | tr -d ' -')
	page=$(sed -n "/^\.Sh DESCRIPTION/,/^\.Sh $3/s/^\.It Fl \([a-zA-Z]\) .*/\1/p" "$2")
	result "so are the letters of $name" "$(missing "$help" "$page" && missing "$page" "$help")"
}

options_agree sessd/sessd sessd/sessd.8 SOCKETS 8
options_agree sessd/reauth/sessd-reauth sessd/reauth/sessd-reauth.8 SETTING 4
options_agree sessd/stopper/sessd-stopper sessd/stopper/sessd-stopper.8 UNITS 3
plan
