#!/usr/bin/env bats
# The ready profiles: sessd takes them, each value names its control, and a login is under these limits and no others.
load ../lib/helpers

setup_file() { host_start; }
teardown_file() { host_stop; }
teardown() { host_reset; }

profiles=("$BATS_TEST_DIRNAME"/../../etc/profiles/*.conf)

# The lines of a profile that set something, without those that say whom it is for.
values()
{
	grep -E '^[[:space:]]*[a-z_]+ *=' "$1" | grep -Ev '^[[:space:]]*(users|groups|services|from) '
}

seconds()
{
	case $1 in
	*h) echo $((${1%h} * 3600)) ;;
	*m) echo $((${1%m} * 60)) ;;
	*s) echo "${1%s}" ;;
	esac
}

# The limits of the one policy of a profile that sets some, as `NAME POLICY VALUE` lines.
limits()
{
	local name policy='' value
	while read -r name value; do
		case $name in
		policy) policy=${value//[\" {]/} ;;
		max_sessions) echo "$name $policy $value" ;;
		lifetime | max_lifetime | idle | warn | grace) echo "$name $policy $(seconds "$value")" ;;
		esac
	done < <(sed 's/#.*//; s/ *= */ /' "$1") | sort
}

@test "there are three, and sessd takes each" {
	local profile
	equal "default.conf pci.conf stig.conf" "$(basename -a "${profiles[@]}" | paste -sd ' ')"
	for profile in "${profiles[@]}"; do
		run -0 on_host sessd --check --config "/sessd/source/etc/profiles/${profile##*/}"
		[[ $output != *warning* ]] || equal '' "$output"
	done
}

@test "each value names a control" {
	local profile
	for profile in "${profiles[@]}"; do
		[ "$(values "$profile" | wc -l)" -ge 8 ]
		equal '' "$(values "$profile" | grep -Ev '# .*(NIST SP 800-|SRG-OS-[0-9]{6}|RHEL-09-[0-9]{6}|PCI DSS [0-9])')"
	done
}

@test "policy explain gives exactly these values" {
	local profile
	for profile in "${profiles[@]}"; do
		start_sessd "$(cat "$profile")"
		run -0 on_host sessctl policy explain alice --json
		equal "$(limits "$profile")" "$(jq -r 'select(.time or .max) | "\(.what) \(.policy) \(.time // .max)"' \
			<<<"$output" | sort)"
		equal deny "$(jq -r '.at_limit // empty' <<<"$output")"
		run -0 on_host sessctl policy explain erin --json
		equal breakglass "$(jq -r 'select(.what == "exempt") | .policy' <<<"$output")"
		stop_sessd
	done
}
