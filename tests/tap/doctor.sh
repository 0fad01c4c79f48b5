#!/usr/bin/env bash
# sessctl doctor, on trees: quiet on Debian's own stacks with our lines in them and on the examples, and each of many
# broken stacks is found, by id, file and line. tests/system/doctor.bats has it on a machine that runs.
set -u
cd "$(dirname "$0")/../.." || exit 1
sessctl=$(realpath "${BUILD:-build/plain}")/sessctl/sessctl
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
tree=$tmp/tree
. tests/lib/tap.sh

# Debian 12's files without comments (tests/doctor/debian), and modules that are there in name.
debian()
{
	local module
	rm -rf "$tree"
	mkdir -p "$tree/lib/x86_64-linux-gnu/security"
	cp -r tests/doctor/debian/. "$tree"
	grep -rhow 'pam_[a-z_]*\.so' "$tree/etc" "$tree/usr" | sort -u | while read -r module; do
		: >"$tree/lib/x86_64-linux-gnu/security/$module"
	done
	: >"$tree/lib/x86_64-linux-gnu/security/pam_sess.so"
}

# The same with the lines of pam_sess.so where etc/pam.d.examples has them.
healthy()
{
	debian
	(
		cd "$tree/etc/pam.d" || exit
		sed -i 's/^@include common-auth$/&\nauth optional pam_sess.so/
			s/^@include common-account$/&\naccount required pam_sess.so/
			s/^@include common-session.*$/session required pam_sess.so\n&/' sshd login su sudo sudo-i
		# behind common-account in Debian's file
		sed -i '/pam_keyinit/d; s/^@include common-account$/session optional pam_keyinit.so force revoke\n&/' login
	)
	cp etc/pam.d.examples/{sessd-reauth,systemd-user} "$tree/etc/pam.d"
}

# doctor ARGUMENT…: $said and $status
doctor()
{
	status=0
	said=$("$sessctl" doctor --root "$tree" "$@" 2>&1) || status=$?
}

quiet()
{
	doctor
	[ "$said" = '0 errors, 0 warnings' ] && [ $status = 0 ] || echo "status $status, and: $said"
}

# Of lines `FILE:TEXT`: their numbers as doctor shows them, `FILE:NUMBER`.
line_of()
{
	echo "$1:$(grep -n -m 1 -e "$2" "$tree$1" | cut -d : -f 1)"
}

# broken NAME STATUS ID FILE TEXT COMMANDS: in a healthy tree COMMANDS (in etc/pam.d) break something, and doctor then has
# that finding, and no other, in the line of FILE with TEXT, or, where TEXT is empty, in FILE.
broken()
{
	local name=$1 want=$2 id=$3 file=$4 text=$5 place
	healthy
	(cd "$tree/etc/pam.d" && eval "$6")
	place=$tree$file
	[ -z "$text" ] || place=$tree$(line_of "$file" "$text")
	doctor --json
	result "$id: $name" "$(
		[ $status = "$want" ] || echo "status $status"
		[ "$(jq -r '.id + " " + .place + if .line then ":\(.line)" else "" end' <<<"$said")" = "$id $place" ] ||
			printf 'wanted %s at %s, got:\n%s\n' "$id" "$place" "$said"
	)"
	ids+=" $id"
}
ids=

error()
{
	broken "$1" 1 "${@:2}"
}

warning()
{
	broken "$1" 0 "${@:2}"
}

healthy
result "quiet on Debian's files with our lines" "$(quiet)"
healthy
cp etc/pam.d.examples/* "$tree/etc/pam.d"
result 'quiet on the examples' "$(quiet)"
healthy
sed -i 's/pam_sess\.so/pam_sess.so timeout=5s unavailable=deny quiet debug/' "$tree"/etc/pam.d/*
result 'quiet on good arguments' "$(quiet)"
healthy
sed -i 's/^\(account\|session\) required pam_sess/\1 [success=ok ignore=ignore module_unknown=ignore default=bad] pam_sess/' \
	"$tree"/etc/pam.d/*
printf '%s required pam_sess.so\n%s required pam_permit.so\n' account account session session >"$tree/etc/pam.d/sessd-try"
result 'quiet on what README.md begins with' "$(quiet)"

healthy
sed -i '/^auth.*pam_sess/d; s/^@include common-auth/auth optional pam_sess.so\nauth sufficient pam_unix.so\nauth required pam_deny.so/' \
	"$tree/etc/pam.d/sudo"
result 'quiet where our line in auth is above a module that asks and suffices' "$(quiet)"

debian
(cd "$tree/etc/pam.d" && for type in auth account; do echo "$type required pam_sess.so" >>common-$type; done &&
	sed -i '/pam_unix/s/^/session required pam_sess.so\n/' common-session common-session-noninteractive)
result 'quiet where the files that all services include have our lines' "$(quiet)"

debian
doctor
result 'Debian as it comes: a login that is not tracked is an error, an elevation a warning' "$(
	[ $status = 1 ] && grep -qx '2 errors, 5 warnings' <<<"$said" &&
		grep -q "^$tree/etc/pam.d/sshd: error: .*\[missing\]$" <<<"$said" || echo "$said")"

pam=/etc/pam.d
error 'account without a line of ours' account-missing $pam/sshd 'session.*pam_sess' \
	'sed -i "/^account.*pam_sess/d" sshd'
warning "the service of users' managers without any" manager-missing $pam/systemd-user '' 'sed -i /pam_sess/d systemd-user'
error 'session without a line of ours' session-missing $pam/sshd 'account.*pam_sess' \
	'sed -i "/^session.*pam_sess/d" sshd'
error 'a login service without any' missing $pam/sshd '' 'sed -i /pam_sess/d sshd'
warning 'su without any' elevation-missing $pam/sudo-i '' 'sed -i /pam_sess/d sudo-i'
warning 'auth without a line of ours' auth-missing $pam/sudo 'account.*pam_sess' 'sed -i "/^auth.*pam_sess/d" sudo'
error 'reauth= without one in auth' reauth-unknown $pam/sudo 'account.*pam_sess' \
	'sed -i "/^auth.*pam_sess/d; s/^account.*pam_sess.*/& reauth=5m/" sudo'
warning 'reauth= without the service of sessctl reauth' reauth-service $pam/sudo 'account.*pam_sess' \
	'rm sessd-reauth; sed -i "s/^account.*pam_sess.*/& reauth=5m/" sudo'
error 'pam_rootok in the service of sessctl reauth' reauth-rootok $pam/sessd-reauth pam_rootok \
	'sed -i "1i auth sufficient pam_rootok.so" sessd-reauth'
error 'no pam_loginuid' loginuid-missing $pam/sshd 'session.*pam_sess' 'sed -i /pam_loginuid/d sshd'
error 'pam_loginuid behind ours' loginuid-after $pam/sshd pam_loginuid \
	'sed -i "/pam_loginuid/d; \$a session required pam_loginuid.so" sshd'
warning 'no pam_keyinit' keyinit-missing $pam/login 'session.*pam_sess' 'sed -i /pam_keyinit/d login'
warning 'pam_keyinit behind ours' keyinit-after $pam/login pam_keyinit \
	'sed -i "/pam_keyinit/d; \$a session optional pam_keyinit.so force revoke" login'
warning 'pam_keyinit in sudo' keyinit-hides $pam/sudo pam_keyinit \
	'sed -i "1i session optional pam_keyinit.so force" sudo'
warning 'pam_systemd before ours' systemd-before $pam/common-session pam_systemd \
	'sed -i "/^session.*pam_sess/d; s/^@include common-session$/&\nsession required pam_sess.so/" sshd'
warning 'pam_namespace before ours' namespace-before $pam/sshd pam_namespace \
	': >../../lib/x86_64-linux-gnu/security/pam_namespace.so; sed -i "/pam_loginuid/a session required pam_namespace.so" sshd'
warning 'another module behind ours in auth' auth-not-last $pam/sshd pam_google \
	'sed -i "/^auth.*pam_sess/a auth required pam_google_authenticator.so" sshd'
warning 'twice in a stack' twice $pam/sshd 'account.*pam_sess' \
	'echo "account required pam_sess.so" >>common-account; sed -i "/^account.*pam_sess/d" login su sudo sudo-i systemd-user'
error 'a module behind ours in auth that asks nobody' auth-unasked $pam/su pam_rootok \
	'sed -i "/^auth.*pam_rootok/d; s/^auth.*pam_sess.*/&\nauth sufficient pam_rootok.so/" su'
warning 'a module that suffices in auth' auth-bypass $pam/common-auth pam_u2f \
	': >../../lib/x86_64-linux-gnu/security/pam_u2f.so; sed -i "1i auth sufficient pam_u2f.so" common-auth'
error 'a module that suffices in account' account-bypass $pam/common-account pam_localuser \
	': >../../lib/x86_64-linux-gnu/security/pam_localuser.so; echo "account sufficient pam_localuser.so" >>common-account'
error 'a jump over ours in account' account-bypass $pam/sshd pam_access \
	': >../../lib/x86_64-linux-gnu/security/pam_access.so
	sed -i "s/^account.*pam_sess.*/account [success=1 default=ignore] pam_access.so\n&\naccount required pam_permit.so/" sshd'
error 'a jump over ours in session' session-bypass $pam/sshd pam_succeed \
	': >../../lib/x86_64-linux-gnu/security/pam_succeed_if.so
	sed -i "s/^session.*pam_sess/session [success=1 default=ignore] pam_succeed_if.so service in crond\n&/" sshd'
error 'success=done in session' session-bypass $pam/sudo pam_limits \
	'sed -i "s/^session.*pam_limits.so/session [success=done default=ignore] pam_limits.so/" sudo'
error 'optional in session' refusal-ignored $pam/login 'session.*pam_sess' \
	'sed -i "s/^session.*pam_sess/session optional pam_sess/" login'
error 'default=ignore in account' refusal-ignored $pam/login 'account.*pam_sess' \
	'sed -i "s/^account.*pam_sess/account [success=ok default=ignore] pam_sess/" login'
error 'sufficient in account' refusal-ignored $pam/sudo 'account.*pam_sess' \
	'sed -i "s/^account.*pam_sess/account sufficient pam_sess/" sudo'
error 'behind a pam_deny' unreachable $pam/sudo 'account.*pam_sess' \
	'sed -i "s/^account.*pam_sess/account requisite pam_deny.so\n&/" sudo'
error 'nothing but ours in a stack' alone $pam/sudo 'account.*pam_sess' 'sed -i "/common-account/d" sudo'
error 'the module is not there' module-missing $pam/sudo 'account.*pam_sess' \
	'sed -i "s/^account.*pam_sess/account required pam_sess_old/; s/pam_sess_old/\/opt\/pam_sess/" sudo'
error 'an unknown argument' argument $pam/sshd 'session.*pam_sess' 'sed -i "s/^session.*pam_sess.*/& quite/" sshd'
error 'a bad value' argument $pam/sshd 'session.*pam_sess' 'sed -i "s/^session.*pam_sess.*/& timeout=2min/" sshd'
error 'another folder' dir $pam/sshd 'session.*pam_sess' 'sed -i "s/^session.*pam_sess.*/& dir=\/run\/other/" sshd'
error 'a file that is not there' include-missing $pam/sshd nosuch 'echo "@include nosuch" >>sshd'
warning 'a file of the vendor' include-vendor $pam/sshd vendor \
	'echo "session optional pam_permit.so" >../../usr/lib/pam.d/vendor; echo "@include vendor" >>sshd'
error 'files in a circle' include-loop $pam/common-password common-password 'echo "@include common-password" >>common-password'
error 'a bad type' malformed $pam/sshd sesion 'echo "sesion required pam_unix.so" >>sshd'
error 'a bad control' malformed $pam/sshd succes= 'echo "session [succes=ok] pam_permit.so" >>sshd'
error 'a folder in place of a file' unreadable $pam/sudo '' 'rm sudo; mkdir sudo'
error 'UsePAM no' usepam /etc/ssh/sshd_config 'usepam' 'sed -i "s/UsePAM.*/usepam = no/" ../ssh/sshd_config'
error 'no UsePAM' usepam /etc/ssh/sshd_config '' 'sed -i /UsePAM/d ../ssh/sshd_config'
error 'the first UsePAM, in a file that is included' usepam /etc/ssh/sshd_config.d/10-own.conf 'UsePAM' \
	'mkdir ../ssh/sshd_config.d; echo "UsePAM no" >../ssh/sshd_config.d/10-own.conf
	echo "UsePAM yes" >../ssh/sshd_config.d/20-own.conf'
error 'a UsePAM that is for some only' usepam /etc/ssh/sshd_config '' \
	'sed -i "s/^UsePAM.*/Match User bob\n&/" ../ssh/sshd_config'
warning 'an include that cannot be read' usepam-unknown /etc/ssh/sshd_config.d/10-own.conf '' \
	'mkdir -p ../ssh/sshd_config.d/10-own.conf'

healthy
rm -r "$tree/lib"
doctor
result 'modules-unknown: no folder of modules' "$([ $status = 0 ] && [ "$(grep -c '→' <<<"$said")" = 1 ] &&
	grep -q '^pam_unix.so: note: .*\[modules-unknown\]$' <<<"$said" || echo "$said")"

# Deeper and larger than libpam or doctor follow.
healthy
for i in $(seq 1 20); do echo "@include deep$((i + 1))" >"$tree/etc/pam.d/deep$i"; done
: >"$tree/etc/pam.d/deep21"
echo '@include deep1' >>"$tree/etc/pam.d/sshd"
doctor --json
result 'include-deep: at the sixteenth file' "$([ "$(jq -r '.id + " " + .place' <<<"$said")" = \
	"include-deep $tree/etc/pam.d/deep15" ] || echo "$said")"
healthy
for i in 1 2 3 4 5 6 7 8 9; do
	for j in 1 2 3 4 5 6 7 8 9; do echo "@include wide$((i + 1))"; done >"$tree/etc/pam.d/wide$i"
done
: >"$tree/etc/pam.d/wide10"
echo '@include wide1' >>"$tree/etc/pam.d/sshd"
doctor --json
result 'too-large: files that include each other nine times nine times' "$([ "$(jq -r '.id + " " + .place' <<<"$said")" = \
	"too-large $tree/etc/pam.d/sshd" ] || echo "$said")"
rm -rf "$tree/etc/pam.d" "$tree/usr/lib/pam.d"
doctor --json
result 'no-services: nothing there' "$([ "$(jq -r .id <<<"$said")" = no-services ] && [ $status = 1 ] || echo "$said")"

# Named services, and one that has no file.
healthy
sed -i /pam_sess/d "$tree/etc/pam.d/sudo" "$tree/etc/pam.d/sshd"
doctor sudo
result 'a named service alone' "$([ $status = 0 ] && [ "$(grep -c '→' <<<"$said")" = 1 ] &&
	grep -q "^$tree/etc/pam.d/sudo: warning: .*\[elevation-missing\]$" <<<"$said" || echo "$said")"
doctor vsftpd
result 'a service without a file is said to be that of others' "$(grep -q '^vsftpd: note: .*\[no-file\]$' <<<"$said" || echo "$said")"
doctor ../sudo
result 'what is no name is refused' "$([ $status = 2 ] || echo "status $status: $said")"
healthy
printf 'auth required pam_unix.so\nsession required pam_unix.so\nsession required pam_sess.so\n' >"$tree/etc/pam.d/own"
sed -i 's/^session required pam_sess/session optional pam_sess/' "$tree/etc/pam.d/own"
doctor
result 'a service of any name is looked at where pam_sess.so is in it' "$(
	grep -q "^$tree/etc/pam.d/own:3: error: .*\[refusal-ignored\]$" <<<"$said" || echo "$said")"
healthy
echo 'account required pam_sess.so quite' >>"$tree/etc/pam.d/common-account"
sed -i '/^account.*pam_sess/d' "$tree"/etc/pam.d/{sshd,login,su,sudo,sudo-i}
doctor
result 'what several services share is said once' "$(
	[ "$(grep -c '\[argument\] (.*login, .*sshd, su, su-l, sudo, sudo-i' <<<"$said")" = 1 ] || echo "$said")"

# A link in the tree leads nowhere outside of it.
healthy
ln -sf /etc/shadow "$tree/etc/pam.d/sudo"
mkdir -p "$tree/outside"
doctor
result 'links stay in the tree' "$(grep -q "^$tree/etc/pam.d/sudo" <<<"$said" && echo "$said")"
doctor sudo
result 'and what they name is not there' "$(grep -q '\[no-file\]' <<<"$said" || echo "$said")"

# What is in the files is no harm to a terminal.
healthy
printf 'session required pam_sess.so \033[31m\342\200\256\n' >>"$tree/etc/pam.d/sudo-i"
doctor
result 'control characters are escaped' "$(grep -q $'\033' <<<"$said" && echo "$said"
	grep -qF '\x1b[31m\xe2\x80\xae' <<<"$said" || echo "$said")"

# Every id is in the manual, and every one that a tree can show was seen above.
known=$(sed -n 's/^\tF([A-Z_]*, "\([a-z-]*\)".*/\1/p' sessctl/finding.h | sort)
page=$(sed -n '/^\.Sh FINDINGS/,/^\.Sh JSON/s/^\.It Cm \([a-z-]*\)$/\1/p' sessctl/sessctl.8 | sort)
result 'sessctl(8) has every finding, and no other' "$(diff <(echo "$known") <(echo "$page"))"
machine='audit audit-unset cgroup cgroup-kill daemon daemon-config daemon-ledger keyring peer-pidfd pidfd reauth-socket'
ids+=' include-deep modules-unknown no-file no-services too-large'
result 'every finding of a tree has a case' "$(diff <(echo "$known") <(tr ' ' '\n' <<<"$ids $machine" | sed '/^$/d' | sort -u))"
plan
