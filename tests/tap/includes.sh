#!/usr/bin/env bash
# The include directions of the house: each folder and, in sessd/, each file sees only what is below it.
set -u
cd "$(dirname "$0")/../.." || exit 1

# Files of sessd/ that may include these of sessd/ and no others, bottom to top. What is not named may include all.
declare -A below=(
	[heap]=""
	[hash]=""
	[log]=""
	[proc]=""
	[loop]="heap"
	[charge]="hash"
	[policy]=""
	[wallclock]=""
	[option]="policy config"
	[conffile]="policy config"
	[confbuild]="policy config conffile option"
	[config]="policy conffile confbuild option"
	[session]="hash heap policy"
	[entry]=""
	[metrics]=""
	[fault]=""
	[confine]="log"
	[notify]="log"
	[watchdog]="loop notify heap"
	[fdstore]="hash notify"
	[cgroup]="proc"
	[reaper]="cgroup loop proc heap reap sweep pidset"
	[ledger]="entry loop heap log fault"
	[store]="entry log fault ledger"
	[feed]="ledger loop log"
	[members]=""
	[mirror]="feed members entry log"
	[journal]="feed members"
	[auditd]="feed members"
	[outlets]="feed mirror journal auditd config ledger loop"
	[kin]="proc pidset"
	[terminal]="proc procdir cgroup loop heap pidset sweep kin"
	[tries]=""
	[remains]="proc sweep hash loop heap"
)
. tests/lib/tap.sh

for folder in pam_module sessctl sessd/reauth sessd/stopper fleet; do
	result "$folder includes itself and common only" \
		"$(grep -Hn '^#include "' $folder/*.[ch] 2>/dev/null | grep -v "\"common/\|\"$folder/")"
done
result "common includes itself only" "$(grep -Hn '^#include "' common/*.[ch] | grep -v '"common/')"
result "sessd includes itself and common only" "$(grep -Hn '^#include "' sessd/*.[ch] | grep -v '"common/\|"sessd/[^/]*"')"
result "the module's part of common is free of libsodium" "$(grep -ln sodium common/*.[ch] | grep -v 'common/chain.c\|common/seal.c')"
for noun in "${!below[@]}"; do
	bad=""
	for file in sessd/$noun.[ch]; do
		[ -e "$file" ] || continue
		for seen in $(sed -n 's/^#include "sessd\/\(.*\)\.h"$/\1/p' "$file"); do
			case " $noun ${below[$noun]} " in
			*" $seen "*) ;;
			*) case "$seen" in "$noun"_* | "${noun}"*) ;; *) bad+="$file includes sessd/$seen.h"$'\n' ;; esac ;;
			esac
		done
	done
	result "sessd/$noun sees only what is below it" "$bad"
done
result "only core's own files include core_state.h" "$(grep -l 'sessd/core_state.h\|sessd/fleet.h' sessd/*.c |
	grep -v -e sessd/core.c -e sessd/admission.c -e sessd/adoption.c -e sessd/preview.c -e sessd/refusal.c -e sessd/cap.c -e sessd/attend.c -e sessd/place.c -e sessd/errand.c -e sessd/head.c -e sessd/claim.c -e sessd/condemned.c -e sessd/ending.c -e sessd/proof.c \
	-e sessd/reauth.c -e sessd/rotation.c \
	-e sessd/recovery.c -e sessd/garbage.c -e sessd/explain.c -e sessd/idleness.c -e sessd/extension.c -e sessd/locks.c \
	-e sessd/expiry.c -e sessd/farewell.c -e sessd/input.c -e sessd/warning.c -e sessd/notice.c \
	-e sessd/revocation.c -e sessd/origin.c -e sessd/password.c -e sessd/hunt.c -e sessd/leftovers.c -e sessd/logout.c -e sessd/denial.c -e sessd/lockdir.c -e sessd/manager.c -e sessd/round.c)"
result "session, policy, tries and wallclock are pure: no log, no descriptor, no clock" \
	"$(grep -Hn 'log\.h\|timestamp\.h\|unistd\.h\|fcntl\.h\|loop\.h\|time\.h' sessd/session*.[ch] sessd/policy*.[ch] \
	sessd/wallclock.[ch] sessd/tries.[ch])"
plan
