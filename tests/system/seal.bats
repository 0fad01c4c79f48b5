#!/usr/bin/env bats
# The seal of a ledger of real logins: what the auditor keeps, and what he sees with it.
load ../lib/helpers
load ../lib/sessions

setup_file() { host_start; }
teardown_file() { host_stop; }
setup()
{
	start_sessd 'policy "all" { max_sessions = 50 }'
	start_sshd
}
teardown() { host_reset; }

# A login of alice that is over, also in the ledger.
log_in_and_out() # HOW MANY BEFORE
{
	ssh_as alice -- true
	wait_until "[ \"\$(events_where '.event == \"session_ended\"' | wc -l)\" = $(($1 + 1)) ]"
}

verify() # STATUS ARG...
{
	run "-$1" on_host sessctl audit verify "${@:2}"
}

# The same file, as whoever has the machine can make it: line 3 changed, and the chain whole again.
forge() # FROM TO
{
	python3 - "$HOST_FS/root/$1" "$HOST_FS/root/$2" <<'END'
import hashlib, re, sys
prev = "0" * 64
with open(sys.argv[1], "rb") as lines, open(sys.argv[2], "wb") as out:
    for seq, line in enumerate(lines, 1):
        line = re.sub(rb'"prev":"[0-9a-f]*"', b'"prev":"%s"' % prev.encode(), line.rstrip(b"\n"), count=1)
        if seq == 3:
            line = line.replace(b'"event":"daemon_started"', b'"event":"daemon_stopped"')
        prev = hashlib.blake2b(line, digest_size=32).hexdigest()
        out.write(line + b"\n")
END
}

@test "a key and a checkpoint that were kept show what was changed, cut off or put in" {
	local key anchor last
	python3 -c 'import hashlib' 2>/dev/null || skip "python3 is not installed"
	key=$(on_host sessctl audit key)
	[[ $key =~ ^[0-9a-f]{64}$ ]]
	log_in_and_out 0
	anchor=$(on_host sessctl audit checkpoint)
	[[ $anchor =~ ^[0-9]+:[0-9a-f]{64}$ ]]
	contains "$(host_logs)" "ledger: checkpoint $anchor"
	log_in_and_out 1
	last=$(on_host sessctl audit checkpoint)
	on_host sessctl audit export -o /root/genuine
	verify 0 --key "$key" --anchor "$anchor"
	verify 0 --key "$key" --anchor "$anchor" /root/genuine
	contains "$output" "2 checkpoints"
	contains "$output" "anchored at event ${anchor%%:*}; tail of 0 events"
	verify 0 --key "$key" /root/genuine
	contains "$output" "unanchored tail of 0 events"

	forge genuine forged
	verify 0 --key "$key" --anchor "$last" /root/genuine
	verify 1 --key "$key" /root/forged
	contains "$output" "event ${anchor%%:*} (line ${anchor%%:*}): the signature of the checkpoint does not agree"
	verify 1 --anchor "$anchor" /root/forged

	head -n "$((${anchor%%:*} - 1))" "$HOST_FS/root/genuine" >"$HOST_FS/root/cut"
	verify 1 --key "$key" --anchor "$anchor" /root/cut
	contains "$output" "the ledger ends before the event that the anchor tells of"
	verify 1 --key "${key:1}0" /root/genuine
	verify 2 --key "${key:1}" /root/genuine
	verify 2 --anchor "${anchor#*:}" /root/genuine

	# in two parts, as a shipper may have it
	head -n 3 "$HOST_FS/root/genuine" >"$HOST_FS/root/one"
	tail -n +4 "$HOST_FS/root/genuine" >"$HOST_FS/root/two"
	verify 0 --key "$key" --anchor "$anchor" /root/one /root/two
	verify 1 --key "$key" --anchor "$anchor" /root/two /root/one
}

@test "one seal over many starts; a secret that is lost is told of, and logins go on" {
	local key second
	key=$(on_host sessctl audit key)
	stop_sessd
	start_sessd
	log_in_and_out 0
	equal "$key" "$(on_host sessctl audit key)"
	stop_sessd
	on_host rm /var/lib/sessd/seal.key
	start_sessd
	log_in_and_out 1
	second=$(on_host sessctl audit key)
	[ "$second" != "$key" ]
	contains "$(host_logs)" "the secret key of its seal is gone"
	equal 2 "$(events_where '.event == "seal_started"' | wc -l)"
	on_host sessctl audit checkpoint >/dev/null
	verify 0
	contains "$output" "THE SEAL BEGINS ANEW"
	verify 1 --key "$key"
	contains "$output" "a seal begins with a key that is none of those that were given"
	verify 0 --key "$key" --key "$second"
}

@test "the key as a QR code, where it was asked for or is for people" {
	local key
	key=$(on_host sessctl audit key)
	equal 1 "$(on_host sessctl audit key | wc -l)"
	run -0 on_host sessctl audit key --qr
	equal "$key" "${lines[0]}"
	[ "${#lines[@]}" -gt 20 ]
	[[ ${lines[10]} == *█*▀* || ${lines[10]} == *█*▄* ]]
	# on a terminal
	run -0 on_host script -qec "sessctl audit key" /dev/null
	contains "$output" "$key"
	contains "$output" $'\e[97;40m█'
	# it was told at the first start
	contains "$(host_logs)" "keep this public one on another machine: $key"
}

@test "everybody may know the key, and administrators alone make a checkpoint" {
	local key
	key=$(on_host sessctl audit key)
	equal "$key" "$(on_host setpriv --reuid=alice --regid=alice --clear-groups sessctl audit key)"
	run -4 on_host setpriv --reuid=alice --regid=alice --clear-groups sessctl audit checkpoint
	contains "$output" "not permitted"
}
