#!/usr/bin/env bats
# The private host itself, without sessd: real sshd, login, su and sudo work in it, and it harms nobody.
load ../lib/helpers

setup_file() { HOST_PLAIN=1 host_start; }
teardown_file() { host_stop; }
setup() { start_sshd; }
teardown() { host_reset; }

@test "ssh by key, by password and by keyboard-interactive" {
	equal "alice 2101" "$(ssh_as alice -- 'echo $USER $(id -u)')"
	equal "bob" "$(ssh_password bob -- 'echo $USER')"
	equal "carol" "$(ssh_kbdint carol -- 'echo $USER')"
	run ! on_host ssh "${ssh_options[@]}" -o BatchMode=yes -i /root/keys/bob alice@127.0.0.1 true
	SSH_PASSWORD=wrong run ! ssh_password alice -- true
}

@test "ssh with a terminal, and sftp" {
	run -0 ssh_as alice -tt -- tty
	contains "$output" /dev/pts/
	echo text >"$HOST_FS/tmp/file"
	sftp_as alice -q <<-TEXT
		put /tmp/file copy
	TEXT
	equal text "$(cat "$HOST_FS/home/alice/copy")"
}

@test "a login has an audit session and a session keyring of its own" {
	run -0 ssh_as alice -- 'cat /proc/self/loginuid /proc/self/sessionid; echo; keyctl show @s'
	[[ $output =~ ^2101[1-9][0-9]* ]]
	contains "$output" "keyring: _ses"
}

@test "login on a console" {
	run -0 login_as alice 'echo I am $(id -un)'
	contains "$output" "I am alice"
	LOGIN_PASSWORD=wrong run -1 login_as alice true
}

@test "su and sudo" {
	equal root "$(ssh_as alice -- sudo -n id -un)"
	run ! ssh_as carol -- sudo -n id -un
	run -0 login_as bob "su - alice -c 'echo I am \$(id -un)' <<<'$PASSWORD'"
	contains "$output" "I am alice"
}

@test "a background login is seen, held, released and finished" {
	background one ssh_as alice -- '/sessd/hold one; echo out; exit 3'
	held one
	run -0 on_host pgrep -u alice hold
	release one
	run -3 finish one
	contains "$(output_of one)" out
}

@test "a reset leaves process 1 alone, and files as they were" {
	background one ssh_as alice -- '(setsid /sessd/hold x >/dev/null 2>&1 &); /sessd/hold one'
	held one
	on_host sh -c 'echo x >>/etc/pam.d/sshd; mkdir -p /run/sessd /sys/fs/cgroup/a/b'
	BATS_TEST_COMPLETED=1 host_reset
	equal "" "$(host_pids)"
	run ! grep x$ "$HOST_FS/etc/pam.d/sshd"
	[ ! -e "$HOST_FS/run/sessd" ]
	[ ! -e "$HOST_FS/sys/fs/cgroup/a" ]
}

@test "what happens in the host stays there" {
	local first=$HOST
	HOST_PLAIN=1 host_start second
	on_host sh -c 'echo changed | tee /etc/passwd /etc/pam.d/other /run/machine /tmp/machine /usr/bin/id /dev/machine >/dev/null'
	for file in /run/machine /tmp/machine /dev/machine; do
		[ ! -e "$file" ]
	done
	for file in /etc/passwd /etc/pam.d/other /usr/bin/id; do
		run ! grep -q changed "$file"
	done
	[ "$(on_host hostname)" != "$(hostname)" ]
	run ! on_host test -e "$HOSTS"
	# It sees none of the machine's processes, mounts and interfaces.
	run ! on_host test -d "/proc/$$"
	equal lo "$(on_host ls /sys/class/net)"
	host_down "$HOST"
	equal "" "$(host_leftovers "$HOST")"
	host_use "$first"
}

@test "hosts side by side have their own users' processes, ports and files" {
	local first=$HOST
	HOST_PLAIN=1 host_start second
	start_sshd
	on_host touch /tmp/here
	equal second "$(ssh_as alice -- 'hostname | sed s/.*-//')"
	[ "$(on_host ls /proc | grep -c '^[0-9]')" -lt 8 ]
	host_down "$HOST"
	equal "" "$(host_leftovers "$HOST")"
	host_use "$first"
	[ ! -e "$HOST_FS/tmp/here" ]
	equal alice "$(ssh_as alice -- id -un)"
}

@test "a host goes with its owner, whatever runs in it" {
	sleep 1000 3>&- &
	local owner=$! pid
	HOST_PLAIN=1 host_up "owned-$$" "$owner" 3>&-
	pid=$(host_pid "owned-$$")
	host_exec "owned-$$" bash -c 'trap "" TERM HUP; setsid sleep 1000 & setsid sleep 1000' 3>&- &
	wait_until "[ \$(grep -c . /proc/$pid/root/sys/fs/cgroup/cgroup.procs) -ge 4 ]"
	kill -9 "$owner"
	wait_until "! host_lives $pid"
	hosts_sweep
	equal "" "$(host_leftovers "owned-$$")"
}

@test "a fork bomb in the host is gone when the host is" {
	local first=$HOST
	HOST_PLAIN=1 host_start bomb
	on_host bash -c 'for i in {1..100}; do (trap "" TERM HUP INT; setsid sleep 1000 & exec setsid sleep 1000) & done; wait' 3>&- &
	wait_until '[ "$(on_host pgrep -c sleep)" -ge 200 ]'
	host_down "$HOST"
	equal "" "$(host_leftovers "$HOST")"
	host_use "$first"
}
