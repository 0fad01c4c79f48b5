#!/usr/bin/env bash
# The module as a guest: what it links and exports, and that it leaves everything of its host as it was, with every
# kind of daemon at the other end, in threads too (tests/pam/guest.c). Environment: BUILD.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build/plain}
module=$build/pam_module/pam_sess.so
export TSAN_OPTIONS="suppressions=$PWD/tests/pam/tsan.supp"
n=0 failed=0

result() # DESCRIPTION WRONG
{
	n=$((n + 1))
	if [ -z "$2" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		printf '%s\n' "$2" | head -n 20 | sed 's/^/# /'
		failed=1
	fi
}

case $build in
*address* | *thread*) ;; # the sanitizers bring libraries and symbols of their own
*)
	needed=$(readelf -d "$module" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort | tr '\n' ' ')
	result "it needs libc, libkeyutils and libpam, and nothing else" \
		"$([ "$needed" = "libc.so.6 libkeyutils.so.1 libpam.so.0 " ] || echo "needed: $needed")"
	exported=$(nm -D --defined-only "$module" | awk '{print $3}' | grep -v '^pam_sm_[a-z_]*$')
	result "it exports pam_sm_* only" "$exported"
	result "it exports all six entry points" \
		"$([ "$(nm -D --defined-only "$module" | grep -c ' pam_sm_')" = 6 ] || nm -D --defined-only "$module")"
	# the start-up code of the compiler has a handle and a flag of 8 bytes each
	result "it keeps no writable static data" \
		"$(size -A "$module" | awk '($1 == ".data" || $1 == ".bss") && $2 > 8 {print $1, $2, "bytes"}')"
	result "all relocations are read-only after the start" \
		"$(readelf -d "$module" | grep -q 'BIND_NOW\|FLAGS.*NOW' || echo 'not linked with -z now')"
	;;
esac

if [ "$(id -u)" != 0 ]; then
	result "the guest # SKIP needs root" ""
else
	# one line for each property and call would be thousands: one result for each daemon
	for server in none hang full rubbish slow eof wrongtype outdated version late error foreign grant tells untracked refuse breaks; do
		# without randomised addresses, of which the thread sanitizer of gcc 12 knows too few bits
		out=$(setarch -R "$build/tests/pam/guest" --module "$module" --server $server --timeout 300ms 2>&1)
		status=$?
		bad=$(printf '%s\n' "$out" | grep '^not ok')
		[ $status = 0 ] && [ "$(printf '%s\n' "$out" | grep -c '^ok')" -gt 0 ] || bad+="exit $status: $(printf '%s\n' "$out" | tail -n 5)"
		result "a daemon that is: $server" "$bad"
	done
fi
echo "1..$n"
exit $failed
